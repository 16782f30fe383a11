# What there is to do. Each target is a script in dev/, which says more.

.PHONY: help demo demo-down test lint soak bench

help:
	@echo 'make demo       a sample monolith is migrated on this machine and compared with what was planted in it'
	@echo 'make demo-down  ends the services that the demo leaves running'
	@echo 'make test       format, lints, documentation, unit tests, tests on real services (V=1 shows all output)'
	@echo 'make lint       the part of it that runs nothing'
	@echo 'make soak       the long tests: hundreds of kills, a million records'
	@echo 'make bench      how fast data moves, each step against its ceiling in the same run'

# Where a port is taken: make demo STACK_OPTIONS=--free-ports
demo:
	@dev/demo $(STACK_OPTIONS)

demo-down:
	@dev/stack down

test:
	@dev/test

lint:
	@dev/test lint

soak:
	@dev/test soak

bench:
	@dev/bench

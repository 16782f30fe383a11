//! The work was done and its answer is lost.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::{FEW, Regraft, Sample, Stack, counts};

/// Stands before the target and keeps one answer back: that of the first commit after these bytes.
struct Proxy {
    address: String,
    lost: Arc<AtomicBool>,
}

/// A message of Bolt that commits.
const COMMIT: &[u8] = &[0, 2, 0xb0, 0x12, 0, 0];

impl Proxy {
    fn start(server: &str, after: &'static [u8]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (lost, server) = (Arc::new(AtomicBool::new(false)), server.to_owned());
        let all = lost.clone();
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (client, lost) = (client.unwrap(), all.clone());
                // The target may be gone already: then its client is told so by an end.
                let Ok(server) = TcpStream::connect(&server) else { continue };
                let deaf = Arc::new(AtomicBool::new(false));
                let (from, to, hears) =
                    (client.try_clone().unwrap(), server.try_clone().unwrap(), deaf.clone());
                let mut seen = Vec::new();
                let watch = move |bytes: &[u8]| {
                    seen.extend_from_slice(bytes);
                    let is_there = |what: &[u8]| seen.windows(what.len()).any(|part| part == what);
                    if is_there(COMMIT) {
                        if is_there(after) && !lost.swap(true, Ordering::SeqCst) {
                            hears.store(true, Ordering::SeqCst);
                        }
                        seen.clear();
                    }
                };
                std::thread::spawn(move || forward(from, to, watch, || false));
                std::thread::spawn(move || {
                    forward(server, client, |_| {}, move || deaf.load(Ordering::SeqCst))
                });
            }
        });
        Self { address, lost }
    }
}

fn forward(mut from: TcpStream, mut to: TcpStream, mut watch: impl FnMut(&[u8]), is_deaf: impl Fn() -> bool) {
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(count) = from.read(&mut bytes) {
        watch(&bytes[..count]);
        if count == 0 || is_deaf() || to.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    // Whoever has gone already needs no end.
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

#[test]
fn a_closing_commit_that_nobody_heard_of_counts_what_it_counted() {
    let stack = Stack::any();
    let sample = Sample::dirty(&stack, 1);
    let target = stack.settings()["REGRAFT__TARGET__URI"].clone();
    let proxy = Proxy::start(target.rsplit('/').next().unwrap(), b"\"endpoint_missing\"");
    let regraft = Regraft::new(&stack)
        .in_small_steps()
        .of_types(FEW)
        .with("target.uri", format!("bolt://{}", proxy.address));
    assert_eq!(counts(&regraft.migrate()), sample.counts_of(FEW));
    assert!(proxy.lost.load(Ordering::SeqCst), "no answer was lost");
    assert_eq!(stack.target.number("MATCH (o:_RegraftOutbox) RETURN count(o)"), 0);
    regraft.run(&["verify"]).expect(0);
}

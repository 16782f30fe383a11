//! librdkafka's errors in the terms of the policy table.

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use crate::error::{Cause, Error};

/// The failure of an attempt on Kafka.
pub(super) fn failed(attempt: impl Into<String>, error: KafkaError) -> Error {
    // Its text says what its own source says once more, so only the text goes on.
    let failure = Error::new(cause_of(&error), attempt).source(error.to_string());
    match error.rdkafka_error_code() {
        Some(Code::MessageSizeTooLarge) => failure
            .what_to_do("raise the topic's max.message.bytes to what its other topics have; docs/runbook.md"),
        _ => failure,
    }
}

/// What a librdkafka error means.
pub(super) fn cause_of(error: &KafkaError) -> Cause {
    match error {
        KafkaError::ClientConfig(..) | KafkaError::ClientCreation(_) => Cause::Configuration,
        other => other.rdkafka_error_code().map_or(Cause::Unexpected, cause_of_code),
    }
}

/// What a code means. Everything that is not known to be final is a service's fault: trying again is bounded,
/// a false dead letter or exit is not mended.
pub(super) fn cause_of_code(code: Code) -> Cause {
    match code {
        Code::Authentication | Code::SaslAuthenticationFailed | Code::UnsupportedSASLMechanism => {
            Cause::Credentials
        }
        Code::TopicAuthorizationFailed
        | Code::GroupAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::TransactionalIdAuthorizationFailed => Cause::Forbidden,
        Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch => Cause::Fenced,
        Code::InvalidPartitions
        | Code::InvalidReplicationFactor
        | Code::InvalidConfig
        | Code::InvalidTopic => Cause::TopicShape,
        Code::AutoOffsetReset | Code::OffsetOutOfRange => Cause::Lineage,
        Code::NotEnoughReplicas | Code::CoordinatorLoadInProgress | Code::ConcurrentTransactions => {
            Cause::Busy
        }
        _ => Cause::Unreachable,
    }
}

/// Errors that a consumer reports while librdkafka is already mending them.
pub(super) fn mends_itself(code: Code) -> bool {
    !matches!(
        cause_of_code(code),
        Cause::Credentials | Cause::Forbidden | Cause::Fenced | Cause::TopicShape | Cause::Lineage
    )
}

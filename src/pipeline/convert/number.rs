//! Numbers: integers, floats, and durations as seconds.

use crate::record::Value;
use crate::record::calendar::DAY_SECONDS;

/// The integers up to which every float without fraction is exact.
const EXACT: f64 = 9_007_199_254_740_992.0;

type Converted = Result<Option<Value<'static>>, &'static str>;

pub(super) fn int(value: &Value<'_>) -> Converted {
    match value {
        Value::Integer(_) => Ok(None),
        Value::Float(number) if number.fract() == 0.0 && (-EXACT..=EXACT).contains(number) =>
        {
            #[expect(clippy::cast_possible_truncation, reason = "it is whole and within the exact range")]
            Ok(Some(Value::Integer(*number as i64)))
        }
        Value::Float(_) => Err("it is a float with a fraction or beyond ±2^53"),
        Value::String(text) => match integer(text) {
            Some(number) => Ok(Some(Value::Integer(number))),
            None => Err("it is no integer of at most 64 bits"),
        },
        _ => Err("it is no integer"),
    }
}

pub(super) fn float(value: &Value<'_>) -> Converted {
    let number = match value {
        Value::Float(number) if number.is_finite() => return Ok(None),
        Value::Float(_) => return Err("it is not finite"),
        #[expect(clippy::cast_precision_loss, reason = "a float is asked for: it is the nearest one")]
        Value::Integer(number) => *number as f64,
        Value::String(text) if is_decimal(text) => text.parse().map_err(|_| "it is no number")?,
        _ => return Err("it is no number"),
    };
    if number.is_finite() { Ok(Some(Value::Float(number))) } else { Err("it is beyond the range of floats") }
}

pub(super) fn duration_seconds(value: &Value<'_>) -> Converted {
    let seconds = match value {
        Value::String(text) if text.contains(':') => clock(text),
        Value::Duration { months: 0, days, seconds, nanos: 0 } => {
            days.checked_mul(DAY_SECONDS).and_then(|of_days| of_days.checked_add(*seconds))
        }
        Value::Duration { .. } => return Err("it has months or fractions of a second"),
        _ => return int(value).map_err(|_| "it is no duration"),
    };
    seconds
        .map(|seconds| Some(Value::Integer(seconds)))
        .ok_or("it is no duration of the form H:MM:SS or M:SS")
}

/// `[+-]?digits` within 64 bits.
fn integer(text: &str) -> Option<i64> {
    // The standard library takes exactly this form.
    text.parse().ok()
}

/// `[+-]?(digits[.digits]|.digits)([eE][+-]?digits)?`
fn is_decimal(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let mantissa = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole.is_empty() || digits(whole)) && digits(fraction),
        None => digits(mantissa),
    };
    mantissa && exponent.is_none_or(|exponent| digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)))
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `H:MM:SS` or `M:SS`: the leading part has any number of digits, the others are 00 to 59.
fn clock(text: &str) -> Option<i64> {
    let (leading, rest) = text.split_once(':')?;
    let mut parts = rest.split(':').map(sixtieth);
    let (first, second) = (parts.next()??, parts.next());
    if !digits(leading) || parts.next().is_some() {
        return None;
    }
    let leading: i64 = leading.parse().ok()?;
    let minutes_or_hours = leading.checked_mul(60)?.checked_add(first)?;
    match second {
        None => Some(minutes_or_hours),
        Some(seconds) => minutes_or_hours.checked_mul(60)?.checked_add(seconds?),
    }
}

/// Two digits, 00 to 59.
fn sixtieth(text: &str) -> Option<i64> {
    let number = text.parse().ok()?;
    (text.len() == 2 && digits(text) && number < 60).then_some(number)
}

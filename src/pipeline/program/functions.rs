//! The functions that programs are offered: those of VRL's library that give the same for the same arguments on any
//! machine, and a few of our own.

use std::sync::LazyLock;

use sha2::{Digest, Sha256};
use vrl::prelude::*;

/// Of VRL's library. What reads a clock, randomness, environment, files or the network is not here, nor what
/// changes or inspects the record behind the program's back (`del`, `exists`).
const OF_THE_LIBRARY: &[&str] = &[
    "abs",
    "append",
    "array",
    "assert",
    "basename",
    "bool",
    "camelcase",
    "ceil",
    "chunks",
    "compact",
    "contains",
    "contains_all",
    "decode_base16",
    "decode_base64",
    "decode_percent",
    "decode_punycode",
    "dirname",
    "downcase",
    "encode_base16",
    "encode_base64",
    "encode_json",
    "encode_percent",
    "encode_punycode",
    "ends_with",
    "filter",
    "find",
    "flatten",
    "float",
    "floor",
    "for_each",
    "format_int",
    "format_number",
    "format_timestamp",
    "from_unix_timestamp",
    "get",
    "includes",
    "int",
    "is_array",
    "is_boolean",
    "is_empty",
    "is_float",
    "is_integer",
    "is_json",
    "is_null",
    "is_nullish",
    "is_object",
    "is_string",
    "is_timestamp",
    "join",
    "kebabcase",
    "keys",
    "length",
    "map_keys",
    "map_values",
    "match",
    "match_any",
    "match_array",
    "merge",
    "mod",
    "object",
    "parse_bytes",
    "parse_csv",
    "parse_duration",
    "parse_float",
    "parse_int",
    "parse_json",
    "parse_key_value",
    "parse_query_string",
    "parse_regex",
    "parse_regex_all",
    "parse_timestamp",
    "parse_tokens",
    "parse_url",
    "pascalcase",
    "pop",
    "push",
    "redact",
    "remove",
    "replace",
    "replace_with",
    "round",
    "screamingsnakecase",
    "set",
    "sieve",
    "slice",
    "snakecase",
    "split",
    "split_path",
    "starts_with",
    "string",
    "strip_whitespace",
    "strlen",
    "tally",
    "timestamp",
    "to_bool",
    "to_float",
    "to_int",
    "to_string",
    "to_unix_timestamp",
    "truncate",
    "unflatten",
    "unique",
    "upcase",
    "values",
    "zip",
];

/// Our own: of one text each.
const OF_A_TEXT: [OfText; 2] = [
    OfText {
        name: "word_count",
        usage: "Counts the words of `value`: longest runs without Unicode White_Space.",
        returns: kind::INTEGER,
        compute: |text| Value::from(text.split_whitespace().count()),
    },
    OfText {
        name: "sha256",
        usage: "The SHA-256 of `value` in UTF-8, as lower-case hexadecimal digits.",
        returns: kind::BYTES,
        compute: |text| Value::from(hexadecimal(&Sha256::digest(text))),
    },
];

/// All of them.
pub(super) fn offered() -> &'static [Box<dyn Function>] {
    static OFFERED: LazyLock<Vec<Box<dyn Function>>> = LazyLock::new(|| {
        let library = vrl::stdlib::all().into_iter();
        let library = library.filter(|function| OF_THE_LIBRARY.contains(&function.identifier()));
        library.chain(OF_A_TEXT.map(|function| Box::new(function) as Box<dyn Function>)).collect()
    });
    &OFFERED
}

fn hexadecimal(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |half: u8| char::from(DIGITS[usize::from(half & 15)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

/// A function of one text.
#[derive(Debug, Clone, Copy)]
struct OfText {
    name: &'static str,
    usage: &'static str,
    returns: u16,
    compute: fn(&str) -> Value,
}

impl Function for OfText {
    fn identifier(&self) -> &'static str {
        self.name
    }

    fn usage(&self) -> &'static str {
        self.usage
    }

    fn category(&self) -> &'static str {
        Category::String.as_ref()
    }

    fn return_kind(&self) -> u16 {
        self.returns
    }

    fn parameters(&self) -> &'static [Parameter] {
        const PARAMETERS: &[Parameter] = &[Parameter::required("value", kind::BYTES, "The text.")];
        PARAMETERS
    }

    fn examples(&self) -> &'static [Example] {
        &[]
    }

    fn compile(&self, _: &TypeState, _: &mut FunctionCompileContext, arguments: ArgumentList) -> Compiled {
        Ok(Call { function: *self, value: arguments.required("value") }.as_expr())
    }
}

/// A call of such a function.
#[derive(Debug, Clone)]
struct Call {
    function: OfText,
    value: Box<dyn Expression>,
}

impl FunctionExpression for Call {
    fn resolve(&self, context: &mut Context) -> Resolved {
        let value = self.value.resolve(context)?;
        Ok((self.function.compute)(&value.try_bytes_utf8_lossy()?))
    }

    fn type_def(&self, _: &TypeState) -> TypeDef {
        let of = if self.function.returns == kind::INTEGER { TypeDef::integer() } else { TypeDef::bytes() };
        of.infallible()
    }
}

//! Statements that set properties whose names are data: one for each form of rows.

use std::collections::BTreeMap;

use crate::error::Result;
use crate::neo4j::{Encoding, Parameter, Row, Statement, Transaction, quote};
use crate::record::{Property, Value};

/// Rows to be written, by what a map can't carry of their properties.
#[derive(Default)]
pub(super) struct Assignments(BTreeMap<Vec<(String, Encoding)>, Vec<Parameter>>);

impl Assignments {
    /// Adds a row: what it is found by, and what is set of it; null removes.
    pub(super) fn add(&mut self, head: Vec<Parameter>, properties: Vec<Property<'static>>) {
        let (plain, apart): (Vec<_>, Vec<_>) =
            properties.into_iter().partition(|(_, value)| Encoding::of(value) == Encoding::AsIs);
        let form = apart.iter().map(|(name, value)| (name.to_string(), Encoding::of(value))).collect();
        let mut row = head;
        row.push(Parameter::map(plain.into_iter().map(|(name, value)| (name.to_string(), value.into()))));
        row.extend(apart.into_iter().map(|(_, value)| Parameter::from(value)));
        self.0.entry(form).or_default().push(Parameter::list(row));
    }

    /// Writes the rows: `find` brings `e` for each row `r`, whose map of properties stands at `width`. Rows that
    /// `give` returns (if it is not empty) go to `each`.
    pub(super) async fn run(
        self,
        transaction: &mut Transaction,
        (find, width, give): (&str, usize, &str),
        mut each: impl FnMut(&Row) -> Result<()>,
    ) -> Result<()> {
        for (form, rows) in self.0 {
            let mut text = format!("UNWIND $rows AS r {find} SET e += r[{width}]");
            for (place, (name, encoding)) in form.iter().enumerate() {
                let value = encoding.expression(&format!("r[{}]", width + 1 + place));
                text.push_str(&format!(" SET e.{} = {value}", quote(name)?));
            }
            text.push_str(give);
            let statement = Statement::new(text).param("rows", Parameter::list(rows));
            transaction.each_row(statement, &mut each).await?;
        }
        Ok(())
    }
}

/// Names of what is set, for the journal.
pub(super) fn names<'p>(
    properties: &'p [Property<'static>],
) -> impl Iterator<Item = std::borrow::Cow<'p, str>> {
    properties.iter().map(|(name, _)| std::borrow::Cow::Borrowed(&**name))
}

/// Text as a parameter.
pub(super) fn texts<'t>(texts: impl IntoIterator<Item = &'t str>) -> Parameter {
    Parameter::list(texts.into_iter().map(|text| Parameter::from(Value::text(text))).collect())
}

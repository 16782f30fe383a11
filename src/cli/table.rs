//! Tables as narrow as the terminal: columns that can be spared go first, then names are cut.

use console::measure_text_width;

use super::text::{clean, cut};

/// Columns between columns.
const GAP: usize = 2;

/// The first column is never cut below this.
const NARROWEST_NAME: usize = 8;

/// A column.
#[derive(Debug, Clone)]
pub struct Column {
    title: &'static str,
    right: bool,
    spare: u8,
}

/// A column of names.
pub fn name(title: &'static str) -> Column {
    Column { title, right: false, spare: 0 }
}

/// A column of numbers.
pub fn number(title: &'static str) -> Column {
    Column { title, right: true, spare: 0 }
}

impl Column {
    /// Lets the column go where there is no room; the highest goes first.
    pub fn spare(mut self, order: u8) -> Column {
        self.spare = order;
        self
    }
}

/// A table with an optional last row of sums.
#[derive(Debug, Clone)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
    sums: Option<Vec<String>>,
}

impl Table {
    /// An empty table.
    pub fn new(columns: impl IntoIterator<Item = Column>) -> Table {
        Table { columns: columns.into_iter().collect(), rows: Vec::new(), sums: None }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|cell| clean(&cell)).collect());
    }

    /// Adds a row of sums below a line.
    pub fn sums(&mut self, cells: impl IntoIterator<Item = String>) {
        self.sums = Some(cells.into_iter().map(|cell| clean(&cell)).collect());
    }

    /// The table, without a line break at its end, at most `width` columns wide where a width is known.
    pub fn render(&self, width: Option<usize>) -> String {
        let mut shown: Vec<(usize, usize)> = self.widths().into_iter().enumerate().collect();
        let mut left_out = Vec::new();
        if let Some(width) = width {
            while total(&shown) > width {
                let Some(spare) = self.most_spare(&shown) else { break };
                left_out.push(shown.remove(spare).0);
            }
            let excess = total(&shown).saturating_sub(width);
            if let Some((_, first)) = shown.first_mut() {
                *first = first.saturating_sub(excess).max(NARROWEST_NAME.min(*first));
            }
        }
        let titles: Vec<String> = self.columns.iter().map(|column| column.title.to_owned()).collect();
        let mut lines = vec![self.line(&titles, &shown)];
        lines.extend(self.rows.iter().map(|row| self.line(row, &shown)));
        if let Some(sums) = &self.sums {
            lines.push("─".repeat(total(&shown)));
            lines.push(self.line(sums, &shown));
        }
        if !left_out.is_empty() {
            left_out.sort_unstable();
            let titles: Vec<&str> = left_out.iter().map(|index| self.columns[*index].title).collect();
            lines.push(format!("(too narrow for: {})", titles.join(", ")));
        }
        lines.join("\n")
    }

    fn widths(&self) -> Vec<usize> {
        let cells = |index: usize| self.rows.iter().chain(&self.sums).filter_map(move |row| row.get(index));
        let widest = |(index, column): (usize, &Column)| {
            let cells = cells(index).map(|cell| measure_text_width(cell)).max().unwrap_or_default();
            cells.max(measure_text_width(column.title))
        };
        self.columns.iter().enumerate().map(widest).collect()
    }

    fn most_spare(&self, shown: &[(usize, usize)]) -> Option<usize> {
        let spare = |place: &usize| self.columns[shown[*place].0].spare;
        (0..shown.len()).filter(|place| spare(place) > 0).max_by_key(spare)
    }

    fn line(&self, cells: &[String], shown: &[(usize, usize)]) -> String {
        let cell = |(index, width): &(usize, usize)| {
            let text = cut(cells.get(*index).map_or("", String::as_str), *width);
            let room = " ".repeat(width - measure_text_width(&text).min(*width));
            if self.columns[*index].right { room + &text } else { text + &room }
        };
        let cells: Vec<String> = shown.iter().map(cell).collect();
        cells.join(&" ".repeat(GAP)).trim_end().to_owned()
    }
}

fn total(shown: &[(usize, usize)]) -> usize {
    shown.iter().map(|(_, width)| width + GAP).sum::<usize>().saturating_sub(GAP)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table =
            Table::new([name("pipeline"), number("read"), number("lag").spare(2), number("rate").spare(1)]);
        table.row(["quote_extracted_from", "1,234", "5", "8,120/s"].map(str::to_owned));
        table.row(["bücher\n", "7", "", "0/s"].map(str::to_owned));
        table.sums(["total", "1,241", "5", ""].map(str::to_owned));
        table
    }

    #[test]
    fn numbers_stand_right_and_sums_below() {
        assert_eq!(
            table().render(None),
            "pipeline               read  lag     rate\n\
             quote_extracted_from  1,234    5  8,120/s\n\
             bücher                    7           0/s\n\
             ─────────────────────────────────────────\n\
             total                 1,241    5"
        );
    }

    #[test]
    fn what_can_be_spared_goes_first_and_then_names_are_cut() {
        assert_eq!(
            table().render(Some(38)),
            "pipeline               read     rate\n\
             quote_extracted_from  1,234  8,120/s\n\
             bücher                    7      0/s\n\
             ────────────────────────────────────\n\
             total                 1,241\n\
             (too narrow for: lag)"
        );
        let narrow = table().render(Some(16));
        assert!(narrow.starts_with("pipeline    read\nquote_ex…  1,234\n"), "{narrow}");
        assert!(narrow.ends_with("(too narrow for: lag, rate)"), "{narrow}");
    }
}

//! Which page to read next: pure, so that the boundaries of pages and runs of equal keys can be tested.
//!
//! A page asks for keys *at or after* the last one seen and drops the rows of that key that it has had, since
//! rows with equal keys may stand on both sides of a page's end. Nothing is skipped by position, ever.

use std::collections::HashSet;

use super::statement::Selection;
use crate::checkpoint::{Cursor, LastKey};

/// What to ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Page {
    pub selection: Selection,
    /// `$key`, or `$start`.
    pub first: String,
    /// `$end`.
    pub second: String,
    /// `$limit`.
    pub limit: u64,
}

/// The pages of one reading (keyed or unkeyed) from a cursor on.
#[derive(Debug)]
pub(super) struct Pager {
    next: Option<Page>,
    current: Option<Page>,
    limit: u64,
    /// Whether pages are limited at all: one scan does it where no index serves the key.
    limited: bool,
    /// Rows that the current page brought, and how many of them were new.
    returned: u64,
    fresh: u64,
    last: Option<LastKey>,
    /// Element ids of the rows of the last key.
    last_rows: HashSet<String>,
}

impl Pager {
    /// Pages after `cursor`.
    pub(super) fn new(cursor: &Cursor, limit: u64, limited: bool) -> Self {
        let page = |selection, first: &str, second: &str| Page {
            selection,
            first: first.to_owned(),
            second: second.to_owned(),
            limit,
        };
        let next = match cursor {
            Cursor::Keyed { after: None } => page(Selection::From, "", ""),
            Cursor::Keyed { after: Some(LastKey::Node(key)) } => page(Selection::After, key, ""),
            Cursor::Keyed { after: Some(LastKey::Relationship { start, end }) } => {
                page(Selection::RestAfter, start, end)
            }
            Cursor::Unkeyed { after } => page(Selection::Unkeyed, after.as_deref().unwrap_or(""), ""),
        };
        Self {
            next: Some(next),
            current: None,
            limit,
            limited,
            returned: 0,
            fresh: 0,
            last: None,
            last_rows: HashSet::new(),
        }
    }

    /// The next page, until there is none.
    pub(super) fn next_page(&mut self) -> Option<Page> {
        self.current = self.next.take();
        self.returned = 0;
        self.fresh = 0;
        self.current.clone()
    }

    /// Tells of a row of the page; true if it was not seen before.
    pub(super) fn is_new(&mut self, key: &LastKey, element_id: &str) -> bool {
        self.returned += 1;
        if self.last.as_ref() != Some(key) {
            self.last = Some(key.clone());
            self.last_rows.clear();
        }
        let new = self.last_rows.insert(element_id.to_owned());
        self.fresh += u64::from(new);
        new
    }

    /// Tells that the page has ended.
    pub(super) fn page_ended(&mut self) {
        let Some(page) = self.current.take() else { return };
        let full = self.limited && self.returned >= page.limit;
        // A run of equal keys longer than the page: only a larger one gets past it.
        let limit = if full && self.fresh == 0 { page.limit * 2 } else { self.limit };
        self.next = if full { self.further(&page, limit) } else { self.after_the_rest(&page) };
    }

    fn further(&self, page: &Page, limit: u64) -> Option<Page> {
        Some(match (&self.last, page.selection) {
            (Some(LastKey::Node(key)), Selection::Unkeyed) => {
                Page { selection: Selection::Unkeyed, first: key.clone(), second: String::new(), limit }
            }
            (Some(LastKey::Node(key)), _) => {
                Page { selection: Selection::From, first: key.clone(), second: String::new(), limit }
            }
            (Some(LastKey::Relationship { start, end }), _) => {
                Page { selection: Selection::RestFrom, first: start.clone(), second: end.clone(), limit }
            }
            // A full page has a last row.
            (None, _) => return None,
        })
    }

    /// Once a start has no more ends, the starts after it follow.
    fn after_the_rest(&self, page: &Page) -> Option<Page> {
        matches!(page.selection, Selection::RestFrom | Selection::RestAfter).then(|| Page {
            selection: Selection::After,
            first: page.first.clone(),
            second: String::new(),
            limit: self.limit,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// Answers a page as the server would, from rows sorted by their keys.
    fn answer(rows: &[(LastKey, String)], page: &Page, limited: bool) -> Vec<(LastKey, String)> {
        let wanted = |(key, element): &&(LastKey, String)| match (key, page.selection) {
            (LastKey::Node(_), Selection::Unkeyed) => *element > page.first,
            (LastKey::Node(key), Selection::From) => *key >= page.first,
            (LastKey::Node(key), _) => *key > page.first,
            (LastKey::Relationship { start, .. }, Selection::From) => *start >= page.first,
            (LastKey::Relationship { start, .. }, Selection::After) => *start > page.first,
            (LastKey::Relationship { start, end }, Selection::RestFrom) => *start == page.first && *end >= page.second,
            (LastKey::Relationship { start, end }, _) => *start == page.first && *end > page.second,
        };
        let limit = if limited { usize::try_from(page.limit).unwrap() } else { usize::MAX };
        rows.iter().filter(wanted).take(limit).cloned().collect()
    }

    fn read(rows: &[(LastKey, String)], cursor: &Cursor, limit: u64, limited: bool) -> Vec<String> {
        let mut pager = Pager::new(cursor, limit, limited);
        let mut found = Vec::new();
        while let Some(page) = pager.next_page() {
            for (key, element) in answer(rows, &page, limited) {
                if pager.is_new(&key, &element) {
                    found.push(element);
                }
            }
            pager.page_ended();
        }
        found
    }

    proptest! {
        #[test]
        fn every_node_comes_once_whatever_the_page(mut keys in prop::collection::vec(0u8..6, 0..40), limit in 1u64..9, limited in any::<bool>()) {
            keys.sort_unstable();
            let rows: Vec<_> = keys.iter().enumerate().map(|(at, key)| (LastKey::Node(format!("k{key}")), format!("e{at}"))).collect();
            let found = read(&rows, &Cursor::Keyed { after: None }, limit, limited);
            prop_assert_eq!(found, rows.iter().map(|row| row.1.clone()).collect::<Vec<_>>());
        }

        #[test]
        fn every_relationship_comes_once_also_after_a_restart(pairs in prop::collection::vec((0u8..4, 0u8..6), 0..40), limit in 1u64..9, cut in any::<prop::sample::Index>()) {
            let mut pairs = pairs;
            pairs.sort_unstable();
            let key = |(start, end): &(u8, u8)| LastKey::Relationship { start: format!("s{start}"), end: format!("t{end}") };
            let rows: Vec<_> = pairs.iter().enumerate().map(|(at, pair)| (key(pair), format!("e{at}"))).collect();
            let all: BTreeSet<_> = rows.iter().map(|row| row.1.clone()).collect();
            let found = read(&rows, &Cursor::Keyed { after: None }, limit, true);
            prop_assert_eq!(found.len(), all.len());
            prop_assert_eq!(&found.into_iter().collect::<BTreeSet<_>>(), &all);
            if !rows.is_empty() {
                let after = rows[cut.index(rows.len())].0.clone();
                let rest = read(&rows, &Cursor::Keyed { after: Some(after.clone()) }, limit, true);
                let last = rows.iter().rposition(|row| row.0 == after).unwrap();
                prop_assert_eq!(rest, rows[last + 1..].iter().map(|row| row.1.clone()).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn rows_without_a_key_are_paged_by_their_element_id() {
        let rows: Vec<_> = (0..7).map(|at| (LastKey::Node(format!("e{at}")), format!("e{at}"))).collect();
        assert_eq!(read(&rows, &Cursor::Unkeyed { after: None }, 3, true).len(), 7);
        assert_eq!(read(&rows, &Cursor::Unkeyed { after: Some("e4".into()) }, 3, true), ["e5", "e6"]);
    }
}

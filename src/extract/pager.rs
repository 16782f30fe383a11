//! Which page to read next: pure, so that the boundaries of pages and runs of equal keys can be tested.
//!
//! A page asks for keys *at or after* the last one seen and drops the rows of that key that it has had, since
//! rows with equal keys may stand on both sides of a page's end. Nothing is skipped by position, ever.
//!
//! Neo4j sorts stored strings by code points, but compares them with a parameter by UTF-16 units (5.26): the two
//! differ where a character beyond U+FFFF meets one from U+E000 on. A bound with such a character is cut before
//! it, so that both orders agree on what follows, and the rows that come again are dropped here.

use std::cmp::Ordering;
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
    /// Whether the bounds are the keys themselves: no row before the last one can come then.
    exact: bool,
}

/// What a row of a page is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// It was not seen before.
    New,
    /// It was: pages overlap.
    Again,
    /// It comes before one that was seen, where no page overlaps: the server sorts otherwise than expected, and
    /// rows could be missed.
    OutOfOrder,
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
    last: Option<Last>,
}

/// The last key seen.
#[derive(Debug)]
struct Last {
    key: LastKey,
    /// Element ids of its rows; none where all of its rows are known to be through.
    rows: Option<HashSet<String>>,
}

impl Pager {
    /// Pages after `cursor`.
    pub(super) fn new(cursor: &Cursor, limit: u64, limited: bool) -> Self {
        let (next, last) = match cursor {
            Cursor::Keyed { after: None } => (page(Selection::From, "", "", limit), None),
            Cursor::Keyed { after: Some(key) } => (after(key, limit), Some(key.clone())),
            Cursor::Unkeyed { after: None } => (page(Selection::Unkeyed, "", "", limit), None),
            Cursor::Unkeyed { after: Some(id) } => {
                (page(Selection::Unkeyed, id, "", limit), Some(LastKey::Node(id.clone())))
            }
        };
        let last = last.map(|key| Last { key, rows: None });
        Self { next: Some(next), current: None, limit, limited, returned: 0, fresh: 0, last }
    }

    /// The next page, until there is none.
    pub(super) fn next_page(&mut self) -> Option<Page> {
        self.current = self.next.take();
        self.returned = 0;
        self.fresh = 0;
        self.current.clone()
    }

    /// Tells of a row of the page.
    pub(super) fn saw(&mut self, key: &LastKey, element_id: &str) -> Seen {
        self.returned += 1;
        let order = self.last.as_ref().map_or(Ordering::Greater, |last| compare(key, &last.key));
        let new = match (order, &mut self.last) {
            (Ordering::Equal, Some(Last { rows, .. })) => {
                rows.as_mut().is_some_and(|rows| rows.insert(element_id.to_owned()))
            }
            (Ordering::Less, _) if self.current.as_ref().is_some_and(|page| page.exact) => {
                return Seen::OutOfOrder;
            }
            (Ordering::Less, _) => false,
            _ => {
                let rows = Some(HashSet::from([element_id.to_owned()]));
                self.last = Some(Last { key: key.clone(), rows });
                true
            }
        };
        self.fresh += u64::from(new);
        if new { Seen::New } else { Seen::Again }
    }

    /// Whether the last key seen has several rows so far, and may have more.
    pub(super) fn is_within_equal_keys(&self) -> bool {
        let rows = self.last.as_ref().and_then(|last| last.rows.as_ref());
        rows.is_some_and(|rows| rows.len() > 1)
    }

    /// Tells that the page has ended.
    pub(super) fn page_ended(&mut self) {
        let Some(ended) = self.current.take() else { return };
        let full = self.limited && self.returned >= ended.limit;
        if full && self.fresh == 0 {
            // More rows come again than a page has: only a larger one gets past them.
            self.next = Some(Page { limit: ended.limit.saturating_mul(2), ..ended });
            return;
        }
        let limit = self.limit;
        let last = self.last.as_ref().map(|last| &last.key);
        self.next = match (last, ended.selection) {
            (Some(LastKey::Node(id)), Selection::Unkeyed) if full => {
                Some(page(Selection::Unkeyed, id, "", limit))
            }
            (Some(LastKey::Node(key)), _) if full => Some(page(Selection::From, key, "", limit)),
            (Some(LastKey::Relationship { start, end }), _) if full => {
                Some(page(Selection::RestFrom, start, end, limit))
            }
            // A start has no more ends: the starts after it follow.
            (Some(LastKey::Relationship { start, .. }), Selection::RestFrom | Selection::RestAfter) => {
                Some(after_key(start, self.limit))
            }
            _ => None,
        };
    }
}

/// The page behind a key that is through.
fn after(key: &LastKey, limit: u64) -> Page {
    match key {
        LastKey::Node(key) => after_key(key, limit),
        LastKey::Relationship { start, end } => match agreed(end) == end {
            true => page(Selection::RestAfter, start, end, limit),
            false => page(Selection::RestFrom, start, end, limit),
        },
    }
}

fn after_key(key: &str, limit: u64) -> Page {
    match agreed(key) == key {
        true => page(Selection::After, key, "", limit),
        false => page(Selection::From, key, "", limit),
    }
}

fn page(selection: Selection, first: &str, second: &str, limit: u64) -> Page {
    // The start of RestFrom and RestAfter is compared for equality: no order is asked of it. Element ids are ASCII.
    let (first_bound, second_bound) = match selection {
        Selection::From | Selection::After => (agreed(first), second),
        Selection::RestFrom | Selection::RestAfter => (first, agreed(second)),
        Selection::Unkeyed => (first, second),
    };
    let exact = first_bound == first && second_bound == second;
    Page { selection, first: first_bound.to_owned(), second: second_bound.to_owned(), limit, exact }
}

/// The longest beginning of a bound on which both orders agree for all that follows it.
fn agreed(bound: &str) -> &str {
    let cut = bound.char_indices().find(|(_, character)| *character >= '\u{E000}');
    cut.map_or(bound, |(at, _)| &bound[..at])
}

/// The order that the server sorts by: code points.
fn compare(one: &LastKey, other: &LastKey) -> Ordering {
    match (one, other) {
        (LastKey::Node(one), LastKey::Node(other)) => one.cmp(other),
        (
            LastKey::Relationship { start: start_one, end: end_one },
            LastKey::Relationship { start: start_other, end: end_other },
        ) => (start_one, end_one).cmp(&(start_other, end_other)),
        // One reading has keys of one kind.
        (LastKey::Node(_), LastKey::Relationship { .. }) => Ordering::Less,
        (LastKey::Relationship { .. }, LastKey::Node(_)) => Ordering::Greater,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// Keys in the order of code points, which is not that of UTF-16 units.
    fn odd(number: u8) -> String {
        ["a", "b\u{fffd}", "\u{e000}", "\u{ff46}x", "\u{ffff}", "\u{10000}", "\u{1f399}", "\u{1f399}y"]
            [usize::from(number)]
        .into()
    }

    /// As Neo4j compares a stored string with a parameter.
    fn utf16(one: &str, other: &str) -> Ordering {
        one.encode_utf16().cmp(other.encode_utf16())
    }

    /// Answers a page as the server would, from rows sorted by their keys.
    fn answer(rows: &[(LastKey, String)], page: &Page, limited: bool) -> Vec<(LastKey, String)> {
        let wanted = |(key, element): &&(LastKey, String)| match (key, page.selection) {
            (LastKey::Node(_), Selection::Unkeyed) => *element > page.first,
            (LastKey::Node(key), Selection::From) => *key >= page.first,
            (LastKey::Node(key), _) => *key > page.first,
            (LastKey::Relationship { start, .. }, Selection::From) => *start >= page.first,
            (LastKey::Relationship { start, .. }, Selection::After) => *start > page.first,
            (LastKey::Relationship { start, end }, Selection::RestFrom) => {
                *start == page.first && utf16(end, &page.second).is_ge()
            }
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
                match pager.saw(&key, &element) {
                    Seen::New => found.push(element),
                    Seen::Again => {}
                    Seen::OutOfOrder => panic!("{key:?} is out of order on {page:?}"),
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
            let rows: Vec<_> = keys.iter().enumerate().map(|(at, key)| (LastKey::Node(odd(*key)), format!("e{at}"))).collect();
            let found = read(&rows, &Cursor::Keyed { after: None }, limit, limited);
            prop_assert_eq!(found, rows.iter().map(|row| row.1.clone()).collect::<Vec<_>>());
        }

        #[test]
        fn every_relationship_comes_once_also_after_a_restart(pairs in prop::collection::vec((0u8..4, 0u8..6), 0..40), limit in 1u64..9, cut in any::<prop::sample::Index>()) {
            let mut pairs = pairs;
            pairs.sort_unstable();
            let key = |(start, end): &(u8, u8)| LastKey::Relationship { start: odd(*start), end: odd(*end) };
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

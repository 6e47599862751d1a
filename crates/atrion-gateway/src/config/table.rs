// SPDX-License-Identifier: Apache-2.0
//! A table of the file, read key by key. A value that is wrong is a fault with its line, and reading
//! goes on: one look at a file finds all that is wrong with it.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fault::Fault;

/// The text of a file, and what was found to be wrong with it.
pub(super) struct Source<'t> {
    text: &'t str,
    /// What paths in it are relative to.
    pub(super) folder: &'t Path,
    faults: RefCell<Vec<Fault>>,
}

impl<'t> Source<'t> {
    pub(super) fn new(text: &'t str, folder: &'t Path) -> Self {
        Self { text, folder, faults: RefCell::default() }
    }

    pub(super) fn fault(&self, span: Range<usize>, at: &str, what: impl Into<String>) {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        self.faults.borrow_mut().push(Fault { line, at: at.to_owned(), what: what.into() });
    }

    /// Every fault, in the order of their lines.
    pub(super) fn into_faults(self) -> Vec<Fault> {
        let mut faults = self.faults.into_inner();
        faults.sort_by_key(|fault| fault.line);
        faults
    }
}

/// A value, and where it stands.
#[derive(Clone)]
pub(super) struct Item<'t> {
    pub(super) source: &'t Source<'t>,
    /// Its path: `listen[0].address`.
    pub(super) at: String,
    pub(super) value: &'t DeValue<'t>,
    pub(super) span: Range<usize>,
}

impl<'t> Item<'t> {
    pub(super) fn fault(&self, what: impl Into<String>) {
        self.source.fault(self.span.clone(), &self.at, what);
    }

    /// What `read` makes of the value, or a fault that says what it must be.
    pub(super) fn parse<T>(&self, must: &str, read: impl FnOnce(&'t DeValue<'t>) -> Option<T>) -> Option<T> {
        let read = read(self.value);
        if read.is_none() {
            self.fault(format!("must be {must}, got {}", shown(self.value)));
        }
        read
    }

    pub(super) fn text(&self) -> Option<&'t str> {
        self.parse("a text", DeValue::as_str)
    }

    pub(super) fn table(&self) -> Option<Table<'t>> {
        let table = self.parse("a table", DeValue::as_table)?;
        Some(Table::new(self.source, self.at.clone(), self.span.clone(), table))
    }

    pub(super) fn items(&self) -> Vec<Item<'t>> {
        let items = self.parse("a list", DeValue::as_array);
        let items = items.into_iter().flat_map(|items| items.iter()).enumerate();
        items
            .map(|(n, item)| Item {
                source: self.source,
                at: format!("{}[{n}]", self.at),
                value: item.get_ref(),
                span: item.span(),
            })
            .collect()
    }
}

/// A table, and which of its keys were asked for: the others are faults.
pub(super) struct Table<'t> {
    source: &'t Source<'t>,
    pub(super) at: String,
    pub(super) span: Range<usize>,
    entries: &'t DeTable<'t>,
    known: BTreeSet<&'static str>,
}

impl<'t> Table<'t> {
    pub(super) fn new(
        source: &'t Source<'t>,
        at: String,
        span: Range<usize>,
        entries: &'t DeTable<'t>,
    ) -> Self {
        Self { source, at, span, entries, known: BTreeSet::new() }
    }

    pub(super) fn root(source: &'t Source<'t>, document: &'t Spanned<DeTable<'t>>) -> Self {
        Self::new(source, String::new(), 0..0, document.get_ref())
    }

    pub(super) fn fault(&self, what: impl Into<String>) {
        self.source.fault(self.span.clone(), &self.at, what);
    }

    pub(super) fn get(&mut self, key: &'static str) -> Option<Item<'t>> {
        self.known.insert(key);
        self.entries().find(|(name, _)| *name == key).map(|(_, item)| item)
    }

    /// Whether there is no value under `key`, or an empty list.
    pub(super) fn has_none(&mut self, key: &'static str) -> bool {
        self.get(key).is_none_or(|item| item.value.as_array().is_some_and(|items| items.is_empty()))
    }

    /// All entries, whatever their keys.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'t str, Item<'t>)> {
        let (source, at) = (self.source, self.at.clone());
        self.entries.iter().map(move |(key, value)| {
            let name: &'t str = key.get_ref();
            let at = if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
            (name, Item { source, at, value: value.get_ref(), span: key.span().start..value.span().end })
        })
    }

    /// The value under `key`, read by `read`; its default if there is none, or a wrong one.
    pub(super) fn read<T>(
        &mut self,
        key: &'static str,
        default: T,
        read: impl FnOnce(&Item<'t>) -> Option<T>,
    ) -> T {
        self.get(key).and_then(|item| read(&item)).unwrap_or(default)
    }

    pub(super) fn optional<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&Item<'t>) -> Option<T>,
    ) -> Option<T> {
        self.get(key).and_then(|item| read(&item))
    }

    pub(super) fn required<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&Item<'t>) -> Option<T>,
    ) -> Option<T> {
        let item = self.get(key);
        if item.is_none() {
            self.fault(format!("`{key}` is missing"));
        }
        item.and_then(|item| read(&item))
    }

    /// The tables of the list under `key`, with their faults about unknown keys.
    pub(super) fn list<T>(
        &mut self,
        key: &'static str,
        mut read: impl FnMut(&mut Table<'t>) -> Option<T>,
    ) -> Vec<T> {
        let items = self.get(key).map(|item| item.items()).unwrap_or_default();
        items.iter().filter_map(|item| item.table()?.whole(&mut read)).collect()
    }

    /// The table under `key`; an empty one if there is none.
    pub(super) fn inner<T: Default>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Table<'t>) -> T,
    ) -> T {
        let table = self.get(key).and_then(|item| item.table());
        table.map(|table| table.whole(read)).unwrap_or_default()
    }

    /// Reads the table, and then says which of its keys nobody asked for.
    pub(super) fn whole<T>(mut self, read: impl FnOnce(&mut Table<'t>) -> T) -> T {
        let result = read(&mut self);
        for (name, item) in self.entries().filter(|(name, _)| !self.known.contains(name)) {
            let known: Vec<_> = self.known.iter().map(|key| format!("`{key}`")).collect();
            item.fault(format!("unknown key `{name}`, expected one of {}", known.join(", ")));
        }
        result
    }
}

/// A value as it stands in a fault. A long one may be a secret in the wrong place.
fn shown(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) if text.len() <= 60 => format!("{:?}", text.as_ref() as &str),
        DeValue::String(text) => format!("a text of {} bytes", text.len()),
        DeValue::Integer(number) => number.as_str().to_owned(),
        DeValue::Float(number) => number.as_str().to_owned(),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(when) => when.to_string(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

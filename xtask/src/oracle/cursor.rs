// SPDX-License-Identifier: Apache-2.0
//! A place in a JSON document that knows its path: every error begins with it.

use anyhow::{anyhow, bail};
use serde_json::Value;

/// A value and its path from the root, `$`.
pub(super) struct Cursor<'a> {
    value: &'a Value,
    path: String,
}

impl<'a> Cursor<'a> {
    pub(super) fn root(value: &'a Value) -> Self {
        Self { value, path: "$".to_owned() }
    }

    /// The path without the root, for the table.
    pub(super) fn place(&self) -> &str {
        self.path.trim_start_matches("$.")
    }

    /// The member of that name, which must be there.
    pub(super) fn field(&self, name: &str) -> anyhow::Result<Self> {
        self.find(name)?.ok_or_else(|| anyhow!("{}.{name}: missing", self.path))
    }

    /// The member of that name, if it is there and not `null`.
    pub(super) fn optional(&self, name: &str) -> anyhow::Result<Option<Self>> {
        Ok(self.find(name)?.filter(|found| !found.value.is_null()))
    }

    /// The items of the member of that name; none if it is missing.
    pub(super) fn optional_list(&self, name: &str) -> anyhow::Result<Vec<Self>> {
        self.optional(name)?.map_or(Ok(Vec::new()), |list| list.items())
    }

    pub(super) fn items(&self) -> anyhow::Result<Vec<Self>> {
        let Value::Array(items) = self.value else { return Err(self.must("be a list")) };
        let item = |(i, value)| Self { value, path: format!("{}[{i}]", self.path) };
        Ok(items.iter().enumerate().map(item).collect())
    }

    /// A list of exactly `N` items.
    pub(super) fn tuple<const N: usize>(&self) -> anyhow::Result<[Self; N]> {
        let items = self.items()?;
        let got = items.len();
        items.try_into().map_err(|_| anyhow!("{}: must be a list of {N}, got {got}", self.path))
    }

    /// Three numbers.
    pub(super) fn triple(&self) -> anyhow::Result<[f64; 3]> {
        let [a, b, c] = self.tuple()?;
        Ok([a.number()?, b.number()?, c.number()?])
    }

    /// A number; JSON knows only finite ones.
    pub(super) fn number(&self) -> anyhow::Result<f64> {
        self.value.as_f64().ok_or_else(|| self.must("be a number"))
    }

    /// A whole number, also if it is written with a point.
    pub(super) fn whole(&self) -> anyhow::Result<u32> {
        let number = self.number()?;
        if number.fract().abs() > 0.0 || !(0.0..=f64::from(u32::MAX)).contains(&number) {
            return Err(self.must(&format!("be a whole number from 0 to {}", u32::MAX)));
        }
        Ok(number as u32)
    }

    pub(super) fn flag(&self) -> anyhow::Result<bool> {
        self.value.as_bool().ok_or_else(|| self.must("be true or false"))
    }

    /// One of `words`.
    pub(super) fn word(&self, words: &[&'static str]) -> anyhow::Result<&'static str> {
        let known = words.iter().find(|&&word| self.value == word).copied();
        known.ok_or_else(|| {
            let listed = match words {
                [most @ .., last] if !most.is_empty() => format!("{} or {last}", most.join(", ")),
                _ => words.concat(),
            };
            self.must(&format!("be {listed}"))
        })
    }

    /// The result of `check` for the number here, or its error after the path.
    pub(super) fn checked<T, E: std::fmt::Display>(
        &self,
        check: impl FnOnce(f64) -> Result<T, E>,
    ) -> anyhow::Result<T> {
        check(self.number()?).map_err(|error| anyhow!("{}: {error}", self.path))
    }

    fn find(&self, name: &str) -> anyhow::Result<Option<Self>> {
        let Value::Object(members) = self.value else { bail!(self.must("be an object")) };
        Ok(members.get(name).map(|value| Self { value, path: format!("{}.{name}", self.path) }))
    }

    fn must(&self, demand: &str) -> anyhow::Error {
        let got = match self.value {
            Value::Array(_) => "a list".to_owned(),
            Value::Object(_) => "an object".to_owned(),
            Value::String(text) if text.chars().count() > 40 => "a long text".to_owned(),
            plain => plain.to_string(),
        };
        anyhow!("{}: must {demand}, got {got}", self.path)
    }
}

// SPDX-License-Identifier: Apache-2.0
//! Walks a file, knows what each name means, and finds every use of the function.

mod bindings;
mod calls;
mod counts;
mod imports;
mod visit;

use std::collections::HashMap;
use std::ops::Range;

use syn::spanned::Spanned;
use syn::visit::Visit as _;
use syn::{Block, FnArg, Item, Signature};

use counts::Counts;

use crate::edit::Edit;
use crate::prove::{Fate, Told};
use crate::scope::{Border, Scopes};

const PAGE: &str = "atrion::manual::migration";

pub(super) struct Walk<'t> {
    text: &'t str,
    told: &'t Told,
    scopes: Scopes,
    edits: Vec<Edit>,
    /// By the first byte of a call: what the surrounding code does with its result, and the bytes
    /// that a rewrite replaces.
    fates: HashMap<usize, (Fate, Range<usize>)>,
    /// The first bytes of the surrounding items and statements. A comment goes above the innermost.
    lines: Vec<usize>,
    /// For each `struct` of the file, the fields that are instances.
    fields: HashMap<String, Vec<String>>,
    /// In a method, such fields of `self`.
    own_fields: Vec<String>,
    /// How often the innermost function names each identifier.
    counts: Counts,
    /// The bytes of the imports of the function.
    imports: Vec<Range<usize>>,
    /// A use is left that needs the imports.
    is_still_used: bool,
}

impl<'t> Walk<'t> {
    pub(super) fn new(text: &'t str, told: &'t Told) -> Self {
        Self {
            text,
            told,
            scopes: Scopes::default(),
            edits: Vec::new(),
            fates: HashMap::new(),
            lines: Vec::new(),
            fields: HashMap::new(),
            own_fields: Vec::new(),
            counts: Counts::default(),
            imports: Vec::new(),
            is_still_used: false,
        }
    }

    pub(super) fn file(&mut self, file: &syn::File) {
        self.module(&file.items);
    }

    pub(super) fn finish(mut self) -> Vec<Edit> {
        let has_rewritten = self.edits.iter().any(|edit| matches!(edit, Edit::Replace { .. }));
        if has_rewritten && !self.is_still_used {
            self.edits.extend(self.imports.into_iter().map(|at| Edit::Remove { at }));
        }
        self.edits
    }

    fn module(&mut self, items: &[Item]) {
        self.scopes.push(Border::Module);
        self.scopes.items(items.iter());
        for item in items {
            if let Item::Struct(item) = item {
                let instances = item.fields.iter().filter(|field| self.scopes.is_instance(&field.ty));
                let names = instances.filter_map(|field| Some(field.ident.as_ref()?.to_string())).collect();
                self.fields.insert(item.ident.to_string(), names);
            }
        }
        for item in items {
            self.lines.push(start(item));
            self.visit_item(item);
            self.lines.pop();
        }
        self.scopes.pop();
    }

    fn function(&mut self, signature: &Signature, block: &Block) {
        let outer = std::mem::replace(&mut self.counts, Counts::of(block));
        self.scopes.push(Border::Function);
        for input in &signature.inputs {
            if let FnArg::Typed(typed) = input {
                self.pattern(&typed.pat, Some(&typed.ty), None);
            }
        }
        self.visit_block(block);
        self.scopes.pop();
        self.counts = outer;
    }

    fn source(&self, node: &impl Spanned) -> String {
        self.text.get(range(node)).unwrap_or_default().to_owned()
    }

    fn note(&mut self, reason: &str) {
        self.is_still_used = true;
        let at = self.lines.last().copied().unwrap_or(0);
        let reason =
            format!("update_physics is a method of an Atrion instance in version 2; {reason} ({PAGE})");
        self.edits.push(Edit::Note { at, reason });
    }
}

fn range(node: &impl Spanned) -> Range<usize> {
    node.span().byte_range()
}

/// The first byte of a node, attributes and documentation included.
fn start(node: &impl Spanned) -> usize {
    range(node).start
}

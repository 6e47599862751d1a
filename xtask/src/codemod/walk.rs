// SPDX-License-Identifier: Apache-2.0
//! Walks a file with what its names mean, and finds every use of the function.

use std::collections::HashMap;
use std::ops::Range;

use proc_macro2::{TokenStream, TokenTree};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{
    Arm, Block, Expr, ExprCall, ExprClosure, ExprField, ExprForLoop, ExprLet, ExprPath, FnArg, ImplItemFn,
    Item, ItemFn, ItemImpl, ItemMod, ItemUse, Local, Macro, Member, Pat, Signature, Stmt, Token, Type,
    UseTree,
};

use super::Told;
use super::edit::Edit;
use super::prove::{Fate, made_of, method, place};
use super::scope::{Border, Meaning, Scopes, imports};

const PAGE: &str = "docs/migration-v1-v2.md";

pub(super) struct Walk<'t> {
    text: &'t str,
    told: &'t Told,
    scopes: Scopes,
    edits: Vec<Edit>,
    /// What becomes of the call that begins at a byte, as its surroundings have seen.
    fates: HashMap<usize, (Fate, Range<usize>)>,
    /// The first byte of the innermost statement or item, under which a comment fits.
    lines: Vec<usize>,
    /// Of each `struct` of the file, the fields that are instances.
    fields: HashMap<String, Vec<String>>,
    /// Those of the type that is being implemented, in methods.
    own_fields: Vec<String>,
    /// How often each identifier stands in the innermost function.
    counts: HashMap<String, usize>,
    /// Imports of the function: where they stand, and whether they can go.
    imports: Vec<Range<usize>>,
    /// Something is left that needs the imports.
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
            counts: HashMap::new(),
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
        let outer = std::mem::take(&mut self.counts);
        count(block, &mut self.counts);
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

    /// Binds what a pattern names: an instance or a string by its type or by what it is made of, else something that
    /// hides what had the name.
    fn pattern(&mut self, pattern: &Pat, ty: Option<&Type>, init: Option<&Expr>) {
        match pattern {
            Pat::Type(typed) => self.pattern(&typed.pat, Some(&typed.ty), init),
            Pat::Ident(ident) if ident.subpat.is_none() => {
                let meaning = self.value(ty, init);
                self.scopes.bind(ident.ident.to_string(), meaning);
            }
            other => {
                let mut names = Names::default();
                names.visit_pat(other);
                names.0.into_iter().for_each(|name| self.scopes.bind(name, Meaning::Other));
            }
        }
    }

    fn value(&self, ty: Option<&Type>, init: Option<&Expr>) -> Meaning {
        if let Some(ty) = ty {
            if self.scopes.is_instance(ty) {
                return Meaning::Instance;
            }
            if is_text(ty) {
                return Meaning::Text;
            }
        }
        let Some(init) = init else { return Meaning::Other };
        if self.makes_instance(init) {
            return Meaning::Instance;
        }
        match (init, made_of(init, &|expr| self.source(expr))) {
            (Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(_), .. }), _) => Meaning::Text,
            // A name is a copy of the same measurement later, if nobody has written to it; anything else might not be.
            (_, Some((telemetry @ Expr::Path(path), handling))) => match path.path.get_ident() {
                Some(name) if !self.is_written(&name.to_string()) => {
                    Meaning::Pressure { telemetry: self.source(telemetry), handling }
                }
                _ => Meaning::Other,
            },
            _ => Meaning::Other,
        }
    }

    /// `Atrion::builder()...` with whatever waits for it and unwraps it.
    fn makes_instance(&self, expr: &Expr) -> bool {
        match expr {
            Expr::Await(waits) => self.makes_instance(&waits.base),
            Expr::Try(tried) => self.makes_instance(&tried.expr),
            Expr::MethodCall(call) => {
                let connects = call.method == "connect";
                let unwraps = matches!(call.method.to_string().as_str(), "unwrap" | "expect" | "clone");
                (connects && self.builds(&call.receiver)) || (unwraps && self.makes_instance(&call.receiver))
            }
            Expr::Path(path) => path
                .path
                .get_ident()
                .is_some_and(|name| self.scopes.name(&name.to_string()) == Some(&Meaning::Instance)),
            Expr::Reference(reference) => self.makes_instance(&reference.expr),
            _ => false,
        }
    }

    fn builds(&self, expr: &Expr) -> bool {
        match expr {
            Expr::MethodCall(call) => self.builds(&call.receiver),
            Expr::Call(call) => {
                let Expr::Path(path) = &*call.func else { return false };
                let mut ty = path.path.clone();
                let Some(last) = ty.segments.pop() else { return false };
                ty.segments.pop_punct();
                last.ident == "builder" && self.scopes.path(&ty) == Meaning::InstanceType
            }
            _ => false,
        }
    }

    /// Whether a name is assigned to, borrowed mutably or declared `mut` in the function; by its text, and rather once too
    /// often.
    fn is_written(&self, name: &str) -> bool {
        self.counts.contains_key(&format!("mut {name}"))
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

    fn call(&mut self, call: &ExprCall) {
        let at = range(call);
        let (mut fate, place) = self.fates.remove(&at.start).unwrap_or((Fate::Kept, at.clone()));
        if fate == Fate::PutBack && !self.is_only_put_back(call) {
            fate = Fate::Kept;
        }
        let text = |expr: &Expr| self.source(expr);
        match method(call, &fate, &self.scopes, &self.own_fields, self.told, text) {
            Ok(with) => self.edits.push(Edit::Replace { at: place, with }),
            Err(reason) => self.note(&reason),
        }
    }

    /// Whether a state is read by nobody but the calls that replace it: its name stands in the function at its own
    /// declaration, and twice for each such call.
    fn is_only_put_back(&self, call: &ExprCall) -> bool {
        let Some(state) = call.args.first() else { return false };
        let Some(name) = root(place(state)) else { return false };
        let uses = self.counts.get(&name).copied().unwrap_or_default();
        let put_back = self.counts.get(&format!("put back {name}")).copied().unwrap_or_default();
        let declared = self.counts.get(&format!("declared {name}")).copied().unwrap_or_default();
        uses == 2 * put_back + declared
    }
}

impl<'ast> Visit<'ast> for Walk<'_> {
    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        if let Some((_, items)) = &module.content {
            self.module(items);
        }
    }

    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        self.function(&function.sig, &function.block);
    }

    fn visit_item_impl(&mut self, implementation: &'ast ItemImpl) {
        let name = match &*implementation.self_ty {
            Type::Path(path) => path.path.get_ident().map(ToString::to_string),
            _ => None,
        };
        let fields = name.and_then(|name| self.fields.get(&name).cloned()).unwrap_or_default();
        let outer = std::mem::replace(&mut self.own_fields, fields);
        visit::visit_item_impl(self, implementation);
        self.own_fields = outer;
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        let fields = self.own_fields.clone();
        if function.sig.receiver().is_none() {
            self.own_fields.clear();
        }
        self.lines.push(start(function));
        self.function(&function.sig, &function.block);
        self.lines.pop();
        self.own_fields = fields;
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        for import in imports(&item.tree, &item.vis) {
            if import.is_glob || self.scopes.name(&import.name) != Some(&Meaning::Function) {
                continue;
            }
            if import.is_public {
                self.note("whoever imports it from here needs an instance");
            } else if let Some(at) = removal(self.text, item, &import.name) {
                self.imports.push(at);
            }
        }
    }

    fn visit_block(&mut self, block: &'ast Block) {
        self.scopes.push(Border::None);
        let items =
            block.stmts.iter().filter_map(|stmt| if let Stmt::Item(item) = stmt { Some(item) } else { None });
        self.scopes.items(items);
        for stmt in &block.stmts {
            self.lines.push(start(stmt));
            self.visit_stmt(stmt);
            self.lines.pop();
        }
        self.scopes.pop();
    }

    fn visit_stmt(&mut self, stmt: &'ast Stmt) {
        match stmt {
            Stmt::Expr(Expr::Call(call), Some(_)) => {
                self.fates.insert(range(call).start, (Fate::Dropped, range(call)));
            }
            Stmt::Expr(Expr::Assign(assign), Some(_)) => {
                if let Expr::Call(call) = &*assign.right
                    && let Some(state) = call.args.first()
                    && bare(&self.source(place(state))) == bare(&self.source(place(&assign.left)))
                {
                    self.fates.insert(range(call).start, (Fate::PutBack, range(assign)));
                    // The left side is gone with the call.
                    self.visit_expr(&assign.right);
                    return;
                }
            }
            _ => {}
        }
        visit::visit_stmt(self, stmt);
    }

    fn visit_local(&mut self, local: &'ast Local) {
        let init = local.init.as_ref();
        if let (Pat::Wild(_), Some(Expr::Call(call))) = (&local.pat, init.map(|init| &*init.expr)) {
            self.fates.insert(range(call).start, (Fate::Dropped, range(call)));
        }
        if let Some(init) = init {
            self.visit_expr(&init.expr);
            if let Some((_, diverge)) = &init.diverge {
                self.visit_expr(diverge);
            }
        }
        // Only from here on, and not in its own value.
        self.pattern(&local.pat, None, init.map(|init| &*init.expr));
    }

    fn visit_expr_closure(&mut self, closure: &'ast ExprClosure) {
        self.scopes.push(Border::None);
        closure.inputs.iter().for_each(|input| self.pattern(input, None, None));
        self.visit_expr(&closure.body);
        self.scopes.pop();
    }

    fn visit_arm(&mut self, arm: &'ast Arm) {
        self.scopes.push(Border::None);
        self.pattern(&arm.pat, None, None);
        visit::visit_arm(self, arm);
        self.scopes.pop();
    }

    fn visit_expr_for_loop(&mut self, for_loop: &'ast ExprForLoop) {
        self.visit_expr(&for_loop.expr);
        self.scopes.push(Border::None);
        self.pattern(&for_loop.pat, None, None);
        self.visit_block(&for_loop.body);
        self.scopes.pop();
    }

    fn visit_expr_if(&mut self, expr: &'ast syn::ExprIf) {
        self.scopes.push(Border::None);
        self.visit_expr(&expr.cond);
        self.visit_block(&expr.then_branch);
        self.scopes.pop();
        if let Some((_, otherwise)) = &expr.else_branch {
            self.visit_expr(otherwise);
        }
    }

    fn visit_expr_while(&mut self, expr: &'ast syn::ExprWhile) {
        self.scopes.push(Border::None);
        visit::visit_expr_while(self, expr);
        self.scopes.pop();
    }

    fn visit_expr_let(&mut self, expr: &'ast ExprLet) {
        self.visit_expr(&expr.expr);
        self.pattern(&expr.pat, None, None);
    }

    fn visit_expr_field(&mut self, field: &'ast ExprField) {
        // Both results have these, with the same types.
        if let (Expr::Call(call), Member::Named(name)) = (&*field.base, &field.member)
            && (name == "mode" || name == "resistance")
        {
            self.fates.insert(range(call).start, (Fate::Field, range(call)));
        }
        visit::visit_expr_field(self, field);
    }

    fn visit_expr_call(&mut self, call: &'ast ExprCall) {
        let is_ours = matches!(&*call.func, Expr::Path(path) if path.qself.is_none() && self.scopes.path(&path.path) == Meaning::Function);
        if is_ours {
            self.call(call);
            call.args.iter().for_each(|argument| self.visit_expr(argument));
        } else {
            visit::visit_expr_call(self, call);
        }
    }

    fn visit_expr_path(&mut self, path: &'ast ExprPath) {
        if path.qself.is_some() {
            return;
        }
        if self.scopes.path(&path.path) == Meaning::Function {
            self.note("here it is a value: a closure over the instance can take its place");
            return;
        }
        let segments = &path.path.segments;
        let is_relative = segments
            .first()
            .is_some_and(|first| ["crate", "self", "super"].iter().any(|word| first.ident == word));
        if is_relative && segments.last().is_some_and(|last| last.ident == "update_physics") {
            self.note("if this path leads to the function of version 1, it needs an instance");
        }
    }

    fn visit_macro(&mut self, mac: &'ast Macro) {
        let arguments = mac.parse_body_with(Punctuated::<Expr, Token![,]>::parse_terminated);
        match arguments {
            Ok(arguments) => {
                // Not what outlives the macro's own tree: the walk keeps bytes and no nodes.
                arguments.iter().for_each(|argument| Visit::visit_expr(self, argument));
            }
            Err(_) => {
                if self.mentions(&mac.tokens) {
                    self.note("a macro's own syntax cannot be followed");
                }
            }
        }
    }
}

impl Walk<'_> {
    /// Whether tokens have a name that means the function here.
    fn mentions(&self, tokens: &TokenStream) -> bool {
        tokens.clone().into_iter().any(|token| match token {
            TokenTree::Group(group) => self.mentions(&group.stream()),
            TokenTree::Ident(ident) => {
                let name = ident.to_string();
                match self.scopes.name(&name) {
                    Some(meaning) => *meaning == Meaning::Function,
                    None => name == "update_physics",
                }
            }
            _ => false,
        })
    }
}

/// The names that a pattern binds.
#[derive(Default)]
struct Names(Vec<String>);

impl<'ast> Visit<'ast> for Names {
    fn visit_pat_ident(&mut self, pattern: &'ast syn::PatIdent) {
        self.0.push(pattern.ident.to_string());
        visit::visit_pat_ident(self, pattern);
    }
}

fn range(node: &impl Spanned) -> Range<usize> {
    node.span().byte_range()
}

/// Where a node begins, its attributes and documentation included.
fn start(node: &impl Spanned) -> usize {
    range(node).start
}

/// Without white space, to compare places.
fn bare(text: &str) -> String {
    text.split_whitespace().collect()
}

/// `&str`, `String`, `&String`.
fn is_text(ty: &Type) -> bool {
    match ty {
        Type::Reference(reference) => {
            matches!(&*reference.elem, Type::Path(path) if path.path.is_ident("str") || path.path.is_ident("String"))
        }
        _ => false,
    }
}

/// The variable that a place is in.
fn root(place: &Expr) -> Option<String> {
    match place {
        Expr::Path(path) => path.path.get_ident().map(ToString::to_string),
        Expr::Index(index) => root(&index.expr),
        _ => None,
    }
}

/// Counts identifiers, and under names of their own what is written to, declared and put back.
fn count(block: &Block, counts: &mut HashMap<String, usize>) {
    #[derive(Default)]
    struct Counter(HashMap<String, usize>);
    impl Counter {
        fn add(&mut self, key: String) {
            *self.0.entry(key).or_default() += 1;
        }
    }
    impl<'ast> Visit<'ast> for Counter {
        fn visit_ident(&mut self, ident: &'ast proc_macro2::Ident) {
            self.add(ident.to_string());
        }
        fn visit_pat_ident(&mut self, pattern: &'ast syn::PatIdent) {
            self.add(format!("declared {}", pattern.ident));
            if pattern.mutability.is_some() {
                self.add(format!("mut {}", pattern.ident));
            }
            visit::visit_pat_ident(self, pattern);
        }
        fn visit_expr_reference(&mut self, reference: &'ast syn::ExprReference) {
            if reference.mutability.is_some()
                && let Some(name) = root(&reference.expr)
            {
                self.add(format!("mut {name}"));
            }
            visit::visit_expr_reference(self, reference);
        }
        fn visit_expr_assign(&mut self, assign: &'ast syn::ExprAssign) {
            if let Some(name) = root(&assign.left) {
                self.add(format!("mut {name}"));
                if let Expr::Call(call) = &*assign.right
                    && call.args.len() == 5
                    && call.args.first().and_then(|state| root(place(state))).as_ref() == Some(&name)
                {
                    self.add(format!("put back {name}"));
                }
            }
            visit::visit_expr_assign(self, assign);
        }
        fn visit_macro(&mut self, mac: &'ast Macro) {
            fn idents(tokens: &TokenStream, counter: &mut Counter) {
                for token in tokens.clone() {
                    match token {
                        TokenTree::Ident(ident) => counter.add(ident.to_string()),
                        TokenTree::Group(group) => idents(&group.stream(), counter),
                        // A format string may name anything.
                        TokenTree::Literal(literal) => {
                            let text = literal.to_string();
                            let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
                            words.for_each(|word| counter.add(word.to_owned()));
                        }
                        TokenTree::Punct(_) => {}
                    }
                }
            }
            idents(&mac.tokens, self);
        }
    }
    let mut counter = Counter::default();
    counter.visit_block(block);
    *counts = counter.0;
}

/// The bytes that go with an import of `name`: the whole line, or its place in a group.
fn removal(text: &str, item: &ItemUse, name: &str) -> Option<Range<usize>> {
    fn find(tree: &UseTree, name: &str) -> Option<(Range<usize>, bool)> {
        match tree {
            UseTree::Path(path) => find(&path.tree, name),
            UseTree::Name(found) if found.ident == name => Some((range(found), false)),
            UseTree::Rename(found) if found.rename == name => Some((range(found), false)),
            UseTree::Group(group) => {
                let (at, is_grouped) = group.items.iter().find_map(|tree| find(tree, name))?;
                Some((at, is_grouped || group.items.len() > 1))
            }
            _ => None,
        }
    }
    let (at, is_grouped) = find(&item.tree, name)?;
    if is_grouped {
        // With its comma: the one behind it, or for the last the one before.
        let behind = text[at.end..].find(|c: char| !c.is_whitespace()).map(|skip| at.end + skip)?;
        if text[behind..].starts_with(',') {
            let next = text[behind + 1..]
                .find(|c: char| !c.is_whitespace())
                .map_or(behind + 1, |skip| behind + 1 + skip);
            return Some(at.start..next);
        }
        let comma = text[..at.start].rfind(',')?;
        return Some(comma..at.end);
    }
    let whole = range(item);
    let line_end = text[whole.end..].find('\n').map_or(text.len(), |newline| whole.end + newline + 1);
    let line_start = text[..whole.start].rfind('\n').map_or(0, |newline| newline + 1);
    let alone =
        text[line_start..whole.start].trim().is_empty() && text[whole.end..line_end].trim().is_empty();
    Some(if alone { line_start..line_end } else { whole })
}

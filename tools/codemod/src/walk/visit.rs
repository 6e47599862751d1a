// SPDX-License-Identifier: Apache-2.0
//! Visits a file in order: from where on a name is visible, and what surrounds a call.

use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{
    Arm, Block, Expr, ExprCall, ExprClosure, ExprField, ExprForLoop, ExprLet, ExprPath, ImplItemFn, ItemFn,
    ItemImpl, ItemMod, ItemUse, Local, Macro, Member, Pat, Stmt, Token, Type,
};

use super::imports::removal;
use super::{Walk, range, start};
use crate::prove::{Fate, place};
use crate::scope::{Border, Meaning, imports};

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
                self.note("code that imports it from here needs an instance");
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
                    // The rewrite replaces the left side too.
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
        // Visible from here on, not in its own value.
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
        // The results of function and method have both fields, with the same types.
        if let (Expr::Call(call), Member::Named(name)) = (&*field.base, &field.member)
            && (name == "mode" || name == "resistance")
        {
            self.fates.insert(range(call).start, (Fate::Field, range(call)));
        }
        visit::visit_expr_field(self, field);
    }

    fn visit_expr_call(&mut self, call: &'ast ExprCall) {
        let calls_the_function = matches!(&*call.func, Expr::Path(path)
            if path.qself.is_none() && self.scopes.path(&path.path) == Meaning::Function);
        if calls_the_function {
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
                // The parsed arguments end here: the walk keeps bytes, not nodes.
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

/// Without white space, to compare places.
fn bare(text: &str) -> String {
    text.split_whitespace().collect()
}

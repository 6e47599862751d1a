// SPDX-License-Identifier: Apache-2.0
//! What a name means at a place: the function of version 1, a module on the way to it, an instance,
//! or something else.

use std::collections::HashMap;

use syn::{Item, Path, Type, UseTree, Visibility};

/// The paths of the free function in version 1 and in the core of version 2.
const FUNCTION: &[&[&str]] = &[
    &["atrion_core", "update_physics"],
    &["atrion_core", "rfc", "update_physics"],
    &["atrion", "update_physics"],
    &["atrion", "physics", "update_physics"],
    &["atrion", "rfc", "update_physics"],
];

/// The paths of the instance's type.
const INSTANCE: &[&[&str]] = &[&["atrion", "Atrion"], &["atrion_engine", "Atrion"]];

/// What a name or a path means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The free function.
    Function,
    /// The type of the instance.
    InstanceType,
    /// A value of that type, behind a reference or not.
    Instance,
    /// A pressure that was made of a telemetry: the text of that expression, and how its error is
    /// handled.
    Pressure { telemetry: String, handling: String },
    /// A string, or a reference to one.
    Text,
    /// A crate or module on the way: its full path.
    Module(Vec<String>),
    /// Something else. It hides the same name of an outer scope.
    Other,
}

impl Meaning {
    const fn is_value(&self) -> bool {
        matches!(self, Self::Instance | Self::Pressure { .. } | Self::Text)
    }
}

/// The names of a module, function or block.
#[derive(Debug, Default, Clone)]
pub(super) struct Scope {
    names: HashMap<String, Meaning>,
    /// Names imported by `*`. An explicit name hides them.
    globbed: HashMap<String, Meaning>,
    border: Border,
}

/// What a scope hides of the scopes around it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Border {
    /// Nothing: a block or a closure.
    #[default]
    None,
    /// Values: a function does not see the variables of the function around it.
    Function,
    /// Everything: a module.
    Module,
}

/// The scopes from the whole file to the innermost.
#[derive(Debug, Default)]
pub(super) struct Scopes(Vec<Scope>);

impl Scopes {
    pub(super) fn push(&mut self, border: Border) {
        self.0.push(Scope { border, ..Scope::default() });
    }

    pub(super) fn pop(&mut self) {
        self.0.pop();
    }

    pub(super) fn bind(&mut self, name: impl Into<String>, meaning: Meaning) {
        if let Some(scope) = self.0.last_mut() {
            scope.names.insert(name.into(), meaning);
        }
    }

    /// Binds the items of a module or block. They are visible in all of it, also before them.
    pub(super) fn items<'a>(&mut self, items: impl Iterator<Item = &'a Item> + Clone) {
        for item in items.clone() {
            if let Some(name) = named(item) {
                self.bind(name, Meaning::Other);
            }
        }
        for item in items {
            if let Item::Use(item) = item {
                for import in imports(&item.tree, &item.vis) {
                    self.import(&import);
                }
            }
        }
    }

    fn import(&mut self, import: &Import) {
        let path = self.expand(&import.path);
        if import.is_glob {
            let outer = import.path.iter().all(|segment| segment == "super").then(|| self.outer()).flatten();
            let Some(scope) = self.0.last_mut() else { return };
            if let Some(outer) = outer {
                scope.globbed.extend(outer.globbed);
                scope.globbed.extend(outer.names);
            }
            for last in ["update_physics", "Atrion", "rfc", "physics"] {
                let meaning = meaning_of(&[&path[..], &[last.to_owned()]].concat());
                if matches!(meaning, Meaning::Function | Meaning::InstanceType | Meaning::Module(_)) {
                    scope.globbed.insert(last.to_owned(), meaning);
                }
            }
            return;
        }
        self.bind(import.name.clone(), meaning_of(&path));
    }

    /// The module around the innermost one.
    fn outer(&self) -> Option<Scope> {
        let inner = self.0.iter().rposition(|scope| scope.border == Border::Module)?;
        let outer = self.0[..inner].iter().rposition(|scope| scope.border == Border::Module)?;
        Some(self.0[outer].clone())
    }

    /// What a single name means here.
    pub(super) fn name(&self, name: &str) -> Option<&Meaning> {
        let mut is_outside = false;
        for scope in self.0.iter().rev() {
            let found = scope.names.get(name).or_else(|| scope.globbed.get(name));
            if let Some(meaning) = found.filter(|meaning| !(is_outside && meaning.is_value())) {
                return Some(meaning);
            }
            match scope.border {
                Border::Module => break,
                Border::Function => is_outside = true,
                Border::None => {}
            }
        }
        None
    }

    /// What a path means here.
    pub(super) fn path(&self, path: &Path) -> Meaning {
        let segments: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if let ([name], None) = (&segments[..], path.leading_colon) {
            return self.name(name).cloned().unwrap_or(Meaning::Other);
        }
        let full = if path.leading_colon.is_some() { segments } else { self.expand(&segments) };
        meaning_of(&full)
    }

    /// The path with its first segment spelled out.
    fn expand(&self, path: &[String]) -> Vec<String> {
        let Some((first, rest)) = path.split_first() else { return Vec::new() };
        match self.name(first) {
            Some(Meaning::Module(module)) => [&module[..], rest].concat(),
            // An item of the file hides a crate of the same name.
            Some(_) => vec![String::from("?")],
            None => path.to_vec(),
        }
    }

    /// The instances that can be named here.
    pub(super) fn instances(&self) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        let mut hidden: Vec<&str> = Vec::new();
        for scope in self.0.iter().rev() {
            for (name, meaning) in &scope.names {
                if *meaning == Meaning::Instance && !hidden.contains(&name.as_str()) {
                    found.push(name.clone());
                }
            }
            hidden.extend(scope.names.keys().map(String::as_str));
            if scope.border != Border::None {
                break;
            }
        }
        found.sort();
        found.dedup();
        found
    }

    /// Whether a type is the instance, owned, borrowed or shared.
    pub(super) fn is_instance(&self, ty: &Type) -> bool {
        match ty {
            Type::Reference(reference) => self.is_instance(&reference.elem),
            Type::Paren(paren) => self.is_instance(&paren.elem),
            Type::Path(path) if path.qself.is_none() => {
                if self.path(&path.path) == Meaning::InstanceType {
                    return true;
                }
                let last = path.path.segments.last();
                last.filter(|last| last.ident == "Arc" || last.ident == "Rc").is_some_and(|last| {
                    let syn::PathArguments::AngleBracketed(arguments) = &last.arguments else { return false };
                    matches!(arguments.args.first(), Some(syn::GenericArgument::Type(ty)) if self.is_instance(ty))
                })
            }
            _ => false,
        }
    }
}

fn meaning_of(path: &[String]) -> Meaning {
    let is = |known: &&&[&str]| known.iter().eq(path.iter());
    if FUNCTION.iter().any(|known| is(&known)) {
        return Meaning::Function;
    }
    if INSTANCE.iter().any(|known| is(&known)) {
        return Meaning::InstanceType;
    }
    let leads = |known: &&[&str]| known.len() > path.len() && known.iter().zip(path).all(|(a, b)| a == b);
    if FUNCTION.iter().chain(INSTANCE).any(leads) { Meaning::Module(path.to_vec()) } else { Meaning::Other }
}

/// One name that a `use` binds.
#[derive(Debug)]
pub(super) struct Import {
    pub(super) path: Vec<String>,
    pub(super) name: String,
    pub(super) is_glob: bool,
    pub(super) is_public: bool,
}

/// Every name that a `use` binds.
pub(super) fn imports(tree: &UseTree, visibility: &Visibility) -> Vec<Import> {
    let mut found = Vec::new();
    let is_public = !matches!(visibility, Visibility::Inherited);
    collect(tree, &[], is_public, &mut found);
    found
}

fn collect(tree: &UseTree, before: &[String], is_public: bool, found: &mut Vec<Import>) {
    let with = |name: String| [before, &[name]].concat();
    match tree {
        UseTree::Path(path) => collect(&path.tree, &with(path.ident.to_string()), is_public, found),
        UseTree::Group(group) => group.items.iter().for_each(|tree| collect(tree, before, is_public, found)),
        UseTree::Glob(_) => {
            found.push(Import { path: before.to_vec(), name: String::new(), is_glob: true, is_public });
        }
        UseTree::Name(name) => {
            let name = name.ident.to_string();
            // `use a::b::{self}` is `b`.
            let path = if name == "self" { before.to_vec() } else { with(name) };
            let name = path.last().cloned().unwrap_or_default();
            found.push(Import { path, name, is_glob: false, is_public });
        }
        UseTree::Rename(rename) => {
            let path = with(rename.ident.to_string());
            found.push(Import { path, name: rename.rename.to_string(), is_glob: false, is_public });
        }
    }
}

/// The name that an item takes in its module, if it is of a kind that can hide a known name.
fn named(item: &Item) -> Option<String> {
    Some(match item {
        Item::Fn(item) => item.sig.ident.to_string(),
        Item::Const(item) => item.ident.to_string(),
        Item::Static(item) => item.ident.to_string(),
        Item::Struct(item) => item.ident.to_string(),
        Item::Enum(item) => item.ident.to_string(),
        Item::Union(item) => item.ident.to_string(),
        Item::Trait(item) => item.ident.to_string(),
        Item::Type(item) => item.ident.to_string(),
        Item::Mod(item) => item.ident.to_string(),
        _ => return None,
    })
}

//! The modules of `src`, and who names what.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};
use syn::{Attribute, Item, ItemUse, UseTree, Visibility};

/// A path in the code, and where it leads.
pub(crate) struct Use {
    pub(crate) file: String,
    pub(crate) line: usize,
    pub(crate) path: String,
    /// The module that it stands in, and the one that defines what it names.
    pub(crate) from: Vec<String>,
    pub(crate) to: Vec<String>,
}

/// A line of the public surface.
pub(crate) struct Public(pub(crate) String);

#[derive(Default)]
struct Module {
    file: String,
    /// Its parent may name it to others.
    public: BTreeSet<String>,
    /// What its public `use` lines pass on, by name; and everything of these modules.
    passed: BTreeMap<String, Vec<String>>,
    passed_globs: Vec<Vec<String>>,
    /// Its public items: what a user can write of each.
    items: BTreeMap<String, Vec<String>>,
    /// The public methods of types, by the path that the type is written with here.
    methods: Vec<(Vec<String>, String)>,
    /// The macros that write methods of such types.
    invoked: Vec<(Vec<String>, String)>,
    /// What its `use` lines bring in, by the name that they give it: the path that they take it from.
    brought: BTreeMap<String, Vec<String>>,
    /// Everything of these.
    globs: Vec<Vec<String>>,
    defined: BTreeSet<String>,
    /// Absolute paths, and their lines.
    named: Vec<(Vec<String>, usize)>,
}

pub(crate) struct Source {
    modules: BTreeMap<Vec<String>, Module>,
    /// The public methods that each `macro_rules!` of ours writes out.
    written_by: BTreeMap<String, Vec<String>>,
}

impl Source {
    pub(crate) fn read() -> Self {
        let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../src");
        let mut source = Self {
            modules: BTreeMap::new(),
            written_by: BTreeMap::new(),
        };
        source.file(&src, &src.join("lib.rs"), Vec::new());
        source
    }

    fn file(&mut self, src: &Path, file: &Path, module: Vec<String>) {
        let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let parsed = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let name = format!("src/{}", file.strip_prefix(src).unwrap().display());
        self.items(src, file, &name, module, parsed.items);
    }

    fn items(&mut self, src: &Path, file: &Path, name: &str, module: Vec<String>, items: Vec<Item>) {
        let mut this = Module {
            file: name.to_owned(),
            ..Module::default()
        };
        for item in items {
            if is_for_tests(attributes(&item)) {
                continue;
            }
            match item {
                Item::Mod(inner) => {
                    if is_public(&inner.vis) {
                        this.public.insert(inner.ident.to_string());
                    }
                    let child = [module.as_slice(), &[inner.ident.to_string()]].concat();
                    match inner.content {
                        Some((_, items)) => self.items(src, file, name, child, items),
                        None => self.file(src, &beside(file, &module, &inner.ident.to_string()), child),
                    }
                }
                Item::Macro(ours) if ours.ident.is_some() => {
                    let name = ours.ident.as_ref().unwrap().to_string();
                    this.defined.insert(name.clone());
                    let mut methods = Vec::new();
                    public_functions_in(ours.mac.tokens.clone(), &mut methods);
                    self.written_by.insert(name, methods);
                    named_in(ours.to_token_stream(), &module, &mut this.named);
                }
                Item::Use(line) => this.brings(&module, &line),
                other => {
                    if let Some(name) = name_of(&other) {
                        this.defined.insert(name);
                    }
                    this.publishes(&other);
                    named_in(other.to_token_stream(), &module, &mut this.named);
                }
            }
        }
        self.modules.insert(module, this);
    }

    /// Every path, and where it leads.
    pub(crate) fn uses(&self) -> Vec<Use> {
        let mut all = Vec::new();
        for (from, module) in &self.modules {
            for (path, line) in &module.named {
                all.push(Use {
                    file: module.file.clone(),
                    line: *line,
                    path: path.join("::"),
                    from: from.clone(),
                    to: self.leads_to(path, 0),
                });
            }
        }
        all
    }

    /// The module that defines what this path names.
    fn leads_to(&self, path: &[String], depth: usize) -> Vec<String> {
        assert!(depth < 20, "a circle of re-exports: {path:?}");
        let mut at = Vec::new();
        for (index, name) in path.iter().enumerate() {
            let child = [at.as_slice(), std::slice::from_ref(name)].concat();
            if self.modules.contains_key(&child) {
                at = child;
                continue;
            }
            let Some(module) = self.modules.get(&at) else { return at };
            if module.defined.contains(name) {
                return at;
            }
            if let Some(brought) = module.brought.get(name) {
                return self.leads_to(&[brought.as_slice(), &path[index + 1..]].concat(), depth + 1);
            }
            let of_a_glob = module.globs.iter().find(|glob| {
                let glob = self.leads_to(glob, depth + 1);
                let there = self.modules.get(&glob);
                let has = |there: &Module| there.defined.contains(name) || there.brought.contains_key(name);
                there.is_some_and(has)
                    || self
                        .modules
                        .contains_key(&[glob.as_slice(), std::slice::from_ref(name)].concat())
            });
            return match of_a_glob {
                Some(glob) => self.leads_to(&[glob.as_slice(), &path[index..]].concat(), depth + 1),
                None => at,
            };
        }
        at
    }
}

impl Source {
    /// What a user of the crate can write.
    pub(crate) fn surface(&self) -> Vec<Public> {
        let mut lines = Vec::new();
        let mut types: BTreeMap<(Vec<String>, String), BTreeSet<String>> = BTreeMap::new();
        self.face(&[], "evenkeel", &mut lines, &mut types, 0);
        for (module, of) in &self.modules {
            let by_macros = of.invoked.iter().flat_map(|(written, name)| {
                let methods = self.written_by.get(name).into_iter().flatten();
                methods.map(move |method| (written, method))
            });
            let by_hand = of.methods.iter().map(|(written, method)| (written, method));
            for (written, method) in by_hand.chain(by_macros) {
                let Some(name) = written.last() else { continue };
                let path = match written.first().map(String::as_str) {
                    Some("crate" | "super" | "self") => absolute(module, written).unwrap_or_default(),
                    _ => [module.as_slice(), written.as_slice()].concat(),
                };
                let home = self.leads_to(&path, 0);
                for shown in types.get(&(home, name.clone())).into_iter().flatten() {
                    lines.push(Public(format!("{shown}::{method}")));
                }
            }
        }
        lines
    }

    fn face(
        &self,
        module: &[String],
        shown: &str,
        lines: &mut Vec<Public>,
        types: &mut BTreeMap<(Vec<String>, String), BTreeSet<String>>,
        depth: usize,
    ) {
        let Some(of) = self.modules.get(module).filter(|_| depth < 8) else {
            return;
        };
        for name in of.items.keys() {
            self.item(module, name, &format!("{shown}::{name}"), lines, types);
        }
        for name in &of.public {
            let child = [module, std::slice::from_ref(name)].concat();
            lines.push(Public(format!("{shown}::{name}")));
            self.face(&child, &format!("{shown}::{name}"), lines, types, depth + 1);
        }
        for (name, path) in &of.passed {
            let shown = format!("{shown}::{name}");
            let home = self.leads_to(path, 0);
            let last = path.last().cloned().unwrap_or_default();
            if home.last() == Some(&last) && self.modules.contains_key(&home) {
                lines.push(Public(shown.clone()));
                self.face(&home, &shown, lines, types, depth + 1);
            } else {
                self.item(&home, &last, &shown, lines, types);
            }
        }
        for glob in &of.passed_globs {
            let home = self.leads_to(glob, 0);
            self.face(&home, shown, lines, types, depth + 1);
        }
    }

    fn item(
        &self,
        home: &[String],
        name: &str,
        shown: &str,
        lines: &mut Vec<Public>,
        types: &mut BTreeMap<(Vec<String>, String), BTreeSet<String>>,
    ) {
        let Some(of) = self.modules.get(home).and_then(|of| of.items.get(name)) else {
            return;
        };
        lines.push(Public(shown.to_owned()));
        lines.extend(of.iter().map(|part| Public(format!("{shown}::{part}"))));
        types
            .entry((home.to_vec(), name.to_owned()))
            .or_default()
            .insert(shown.to_owned());
    }
}

impl Module {
    /// Notes what is public of an item.
    fn publishes(&mut self, item: &Item) {
        let named = |fields: &syn::Fields| -> Vec<String> {
            let public = fields.iter().filter(|field| is_public(&field.vis));
            public
                .enumerate()
                .map(|(place, field)| {
                    field
                        .ident
                        .as_ref()
                        .map_or_else(|| place.to_string(), ToString::to_string)
                })
                .collect()
        };
        // A variant's fields are as public as the enum.
        let variant = |variant: &syn::Variant| {
            let name = variant.ident.to_string();
            let fields = variant.fields.iter().enumerate().map(|(place, field)| {
                let field = field
                    .ident
                    .as_ref()
                    .map_or_else(|| place.to_string(), ToString::to_string);
                format!("{}::{field}", variant.ident)
            });
            std::iter::once(name).chain(fields.collect::<Vec<_>>())
        };
        let (vis, parts) = match item {
            Item::Struct(item) => (&item.vis, named(&item.fields)),
            Item::Enum(item) => (&item.vis, item.variants.iter().flat_map(variant).collect()),
            Item::Trait(item) => {
                let methods = item.items.iter().filter_map(|item| match item {
                    syn::TraitItem::Fn(method) => Some(format!("{}()", method.sig.ident)),
                    syn::TraitItem::Type(item) => Some(item.ident.to_string()),
                    syn::TraitItem::Const(item) => Some(item.ident.to_string()),
                    _ => None,
                });
                (&item.vis, methods.collect())
            }
            Item::Fn(item) => (&item.vis, Vec::new()),
            Item::Const(item) => (&item.vis, Vec::new()),
            Item::Static(item) => (&item.vis, Vec::new()),
            Item::Type(item) => (&item.vis, Vec::new()),
            // `store_methods!(KvClient, …)`: the first word is the type.
            Item::Macro(item) if item.ident.is_none() => {
                let name = item.mac.path.segments.last().map(|last| last.ident.to_string());
                if let (Some(name), Some(TokenTree::Ident(of))) = (name, item.mac.tokens.clone().into_iter().next()) {
                    self.invoked.push((vec![of.to_string()], name));
                }
                return;
            }
            Item::Impl(item) if item.trait_.is_none() => {
                if let syn::Type::Path(path) = &*item.self_ty {
                    let written: Vec<String> = path
                        .path
                        .segments
                        .iter()
                        .map(|segment| segment.ident.to_string())
                        .collect();
                    for of in &item.items {
                        let method = match of {
                            syn::ImplItem::Fn(of) if is_public(&of.vis) => format!("{}()", of.sig.ident),
                            syn::ImplItem::Const(of) if is_public(&of.vis) => of.ident.to_string(),
                            syn::ImplItem::Macro(of) => {
                                let name = of.mac.path.segments.last().map(|last| last.ident.to_string());
                                self.invoked.extend(name.map(|name| (written.clone(), name)));
                                continue;
                            }
                            _ => continue,
                        };
                        self.methods.push((written.clone(), method));
                    }
                }
                return;
            }
            _ => return,
        };
        if let Some(name) = name_of(item).filter(|_| is_public(vis)) {
            self.items.insert(name, parts);
        }
    }

    fn brings(&mut self, module: &[String], line: &ItemUse) {
        let place = line.use_token.span.start().line;
        let mut leaves = Vec::new();
        flatten(&line.tree, Vec::new(), &mut leaves);
        let public = !matches!(line.vis, Visibility::Inherited);
        for (path, name) in leaves {
            let elsewhere = absolute(module, &path);
            let root = elsewhere.as_ref().is_some_and(Vec::is_empty);
            assert!(!root, "{}:{place}: the crate's root has one name", self.file);
            // Of another crate, or of a part of this module: the way ends here, or goes down.
            let absolute = elsewhere.clone().unwrap_or_else(|| [module, &path].concat());
            let passed = is_public(&line.vis) && !is_hidden(&line.attrs);
            match name {
                Some(name) => {
                    if passed {
                        self.passed.insert(name.clone(), absolute.clone());
                    }
                    self.brought.insert(name, absolute.clone());
                }
                None => {
                    if passed {
                        self.passed_globs.push(absolute.clone());
                    }
                    self.globs.push(absolute.clone());
                }
            }
            // What a module passes on from its own parts is its face; from elsewhere it is a use.
            let of_its_own = public && absolute.len() > module.len() && absolute.starts_with(module);
            if elsewhere.is_some() && !of_its_own {
                self.named.push((absolute, place));
            }
        }
    }
}

/// A `use` line's paths, and the names that they get; `None`: everything of it.
fn flatten(tree: &UseTree, mut before: Vec<String>, leaves: &mut Vec<(Vec<String>, Option<String>)>) {
    match tree {
        UseTree::Path(path) => {
            before.push(path.ident.to_string());
            flatten(&path.tree, before, leaves);
        }
        UseTree::Name(name) if name.ident == "self" => {
            let last = before.last().cloned();
            leaves.push((before, last));
        }
        UseTree::Name(name) => {
            before.push(name.ident.to_string());
            leaves.push((before, Some(name.ident.to_string())));
        }
        UseTree::Rename(name) => {
            if name.ident != "self" {
                before.push(name.ident.to_string());
            }
            leaves.push((before, Some(name.rename.to_string())));
        }
        UseTree::Glob(_) => leaves.push((before, None)),
        UseTree::Group(group) => group
            .items
            .iter()
            .for_each(|tree| flatten(tree, before.clone(), leaves)),
    }
}

/// From the crate's root. `None`: another crate's, or a part's of this module.
fn absolute(module: &[String], path: &[String]) -> Option<Vec<String>> {
    let path = match path {
        [first, second, ..] if first == "self" && second == "super" => &path[1..],
        _ => path,
    };
    match path.first()?.as_str() {
        "crate" => Some(path[1..].to_vec()),
        "self" => Some([module, &path[1..]].concat()),
        "super" => {
            let ups = path.iter().take_while(|name| *name == "super").count();
            let above = module.len().checked_sub(ups)?;
            Some([&module[..above], &path[ups..]].concat())
        }
        _ => None,
    }
}

/// The paths in code, macros included, that begin with `crate`, `super` or `self`.
fn named_in(tokens: TokenStream, module: &[String], named: &mut Vec<(Vec<String>, usize)>) {
    let mut tokens = tokens.into_iter().peekable();
    let mut after_use = false;
    while let Some(token) = tokens.next() {
        let brings = std::mem::replace(
            &mut after_use,
            matches!(&token, TokenTree::Ident(word) if word == "use"),
        );
        match token {
            TokenTree::Group(group) => named_in(group.stream(), module, named),
            TokenTree::Ident(ident) if ident == "crate" || ident == "super" => {
                let mut path = vec![ident.to_string()];
                let mut colons = 0;
                while let Some(next) = tokens.peek() {
                    match next {
                        TokenTree::Punct(punct) if punct.as_char() == ':' && colons < 2 => colons += 1,
                        TokenTree::Ident(ident) if colons == 2 => {
                            path.push(ident.to_string());
                            colons = 0;
                        }
                        _ => break,
                    }
                    tokens.next();
                }
                let ends_in_a_group = matches!(tokens.peek(), Some(TokenTree::Group(_)) if colons == 2);
                // Elsewhere it is a cast: `super::PAGE as i32`.
                let is_renamed = brings && matches!(tokens.peek(), Some(TokenTree::Ident(next)) if next == "as");
                assert!(
                    !ends_in_a_group && !is_renamed,
                    "{}:{}: within a function write each path by itself, so that this check can read it",
                    module.join("::"),
                    ident.span().start().line
                );
                if let Some(path) = absolute(module, &path).filter(|_| path.len() > 1) {
                    named.push((path, ident.span().start().line));
                }
            }
            _ => {}
        }
    }
}

fn is_public(vis: &Visibility) -> bool {
    matches!(vis, Visibility::Public(_))
}

fn is_hidden(attributes: &[Attribute]) -> bool {
    attributes
        .iter()
        .any(|attribute| attribute.meta.to_token_stream().to_string().contains("hidden"))
}

/// `pub fn name`, `pub const fn name`, `pub async fn name`, wherever they stand.
fn public_functions_in(tokens: TokenStream, found: &mut Vec<String>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for (at, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Group(group) => public_functions_in(group.stream(), found),
            TokenTree::Ident(word) if word == "pub" => {
                let mut words = tokens[at + 1..].iter().map_while(|token| match token {
                    TokenTree::Ident(word) => Some(word.to_string()),
                    _ => None,
                });
                if words
                    .by_ref()
                    .find(|word| word != "const" && word != "async")
                    .as_deref()
                    == Some("fn")
                {
                    found.extend(words.next().map(|name| format!("{name}()")));
                }
            }
            _ => {}
        }
    }
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let words: String = attribute
            .meta
            .to_token_stream()
            .to_string()
            .split_whitespace()
            .collect();
        let condition = words
            .strip_prefix("cfg(")
            .map(|rest| rest.strip_prefix("all(").unwrap_or(rest));
        let of_tests = |rest: &str| {
            let first: String = rest
                .chars()
                .take_while(|char| char.is_alphanumeric() || *char == '_')
                .collect();
            matches!(first.as_str(), "test" | "doctest") && !rest.starts_with("test=")
        };
        words == "test" || condition.is_some_and(of_tests)
    })
}

fn name_of(item: &Item) -> Option<String> {
    Some(match item {
        Item::Const(item) => item.ident.to_string(),
        Item::Enum(item) => item.ident.to_string(),
        Item::Fn(item) => item.sig.ident.to_string(),
        Item::Static(item) => item.ident.to_string(),
        Item::Struct(item) => item.ident.to_string(),
        Item::Trait(item) => item.ident.to_string(),
        Item::Type(item) => item.ident.to_string(),
        Item::Macro(item) => item.ident.as_ref()?.to_string(),
        _ => return None,
    })
}

/// Where a module's file lies.
fn beside(file: &Path, module: &[String], name: &str) -> PathBuf {
    let parent = file.parent().unwrap();
    let folder = match file.file_stem().unwrap().to_str().unwrap() {
        "lib" | "mod" => parent.to_owned(),
        _ => parent.join(module.last().unwrap()),
    };
    let flat = folder.join(format!("{name}.rs"));
    if flat.exists() {
        flat
    } else {
        folder.join(name).join("mod.rs")
    }
}

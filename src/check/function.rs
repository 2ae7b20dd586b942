//! Functions: checked once each, inlined where they are called.
//!
//! In: definitions. Out: [`Checked`] graphs over symbolic sizes.
//! Always holds: a function is checked when first needed and at most once; a circle of calls is an error that shows it.

use super::contract::Promise;
use super::operators::Operand;
use super::types::{Declared, Layout, declared, declared_as, list_in, size_names};
use super::value::Shape;
use super::{Checker, Value};
use crate::diagnostic::{Diagnostic, Result, codes, nearest};
use crate::graph::{Copier, Graph, NodeId, Size, SizeVar, Type};
use crate::syntax::ast::{Argument, Block, Expr, ExprKind, Function, Statement, StatementKind, TypeExpr};
use crate::syntax::span::Span;
use crate::syntax::visit;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// The most nodes that a graph may have.
pub(super) const NODE_LIMIT: usize = 400_000;

/// A parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Its declared type.
    pub ty: Declared,
    /// Where.
    pub span: Span,
}

/// A function that has been checked.
#[derive(Clone, Debug)]
pub struct Checked {
    /// Its name.
    pub name: String,
    /// Its parameters.
    pub parameters: Vec<Parameter>,
    /// How the result is made of the graph's outputs.
    pub result: Shape,
    /// Its graph; the inputs are the parameters' arrays in order.
    pub graph: Graph,
    /// What the checker warned of.
    pub warnings: Vec<Box<Diagnostic>>,
    /// What its contract says.
    pub promises: Vec<Promise>,
    /// Sizes that the graph takes to be no less than 0; where one is not, the function is expanded for the call.
    assumed: Vec<Size>,
    /// Whether something is read that only a check keeps inside of its array.
    relies: bool,
}

/// What size variables stand for, and where that comes from.
type Sizes = BTreeMap<SizeVar, (Size, Span)>;

enum State {
    Unchecked,
    Checking,
    Done(Result<Rc<Checked>>),
}

/// The functions of a program.
#[derive(Default)]
pub struct Functions {
    definitions: BTreeMap<String, Rc<Function>>,
    states: RefCell<BTreeMap<String, State>>,
    stack: RefCell<Vec<String>>,
}

impl Functions {
    /// Adds a definition.
    pub fn define(&mut self, function: Function) -> Result<()> {
        let name = function.name.text.clone();
        if let Some(first) = self.definitions.get(&name) {
            return Err(Diagnostic::error(
                codes::DUPLICATE_NAME,
                function.name.span,
                format!("`{name}` is defined twice"),
            )
            .label(first.name.span, "the first definition")
            .help("give one of them another name"));
        }
        self.states.borrow_mut().insert(name.clone(), State::Unchecked);
        self.definitions.insert(name, Rc::new(function));
        Ok(())
    }

    /// These functions, and newer ones, which take the place of those of the same names. All are checked anew.
    #[must_use]
    pub fn overlaid(&self, newer: &Functions) -> Functions {
        let mut functions = Functions::default();
        let all = self.definitions.iter().chain(&newer.definitions);
        functions.definitions.extend(all.map(|(name, definition)| (name.clone(), Rc::clone(definition))));
        let states = functions.definitions.keys().map(|name| (name.clone(), State::Unchecked)).collect();
        functions.states = RefCell::new(states);
        functions
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.definitions.is_empty()
    }

    /// The function of that name as it was written.
    pub fn definition(&self, name: &str) -> Option<&Function> {
        self.definitions.get(name).map(AsRef::as_ref)
    }

    /// Whether a problem is one of a function's, found already.
    pub fn faulted(&self, problem: &Diagnostic) -> bool {
        self.states.borrow().values().any(|state| matches!(state, State::Done(Err(known)) if **known == *problem))
    }

    /// Whether there is a function of that name.
    pub fn contains(&self, name: &str) -> bool {
        self.definitions.contains_key(name)
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.definitions.keys().map(String::as_str)
    }

    /// The name nearest to what was written.
    pub fn nearest(&self, name: &str) -> Option<String> {
        nearest(name, self.names()).map(str::to_string)
    }

    /// The checked function; `call` is the place that asks for it.
    pub fn get(&self, name: &str, call: Span) -> Result<Rc<Checked>> {
        let Some(definition) = self.definitions.get(name).cloned() else {
            let error = Diagnostic::error(codes::UNKNOWN_NAME, call, format!("there is no function `{name}`"));
            return Err(match self.nearest(name) {
                Some(near) => error.help(format!("did you mean `{near}`?")),
                None => error,
            });
        };
        if self.is_template(name) {
            let what = if self.takes_lists(name) { "takes lists" } else { "has parameters without a type" };
            let text = format!("`{name}` {what}, so it is compiled where it is called");
            return Err(Diagnostic::error(codes::NOT_AVAILABLE, definition.name.span, text)
                .help("call it from a program or from another function"));
        }
        match self.states.borrow().get(name) {
            Some(State::Done(result)) => return result.clone(),
            Some(State::Checking) => return Err(self.circle(name, call)),
            _ => {}
        }
        self.states.borrow_mut().insert(name.to_string(), State::Checking);
        self.stack.borrow_mut().push(name.to_string());
        let result = check_function(self, &definition, &[]).map(Rc::new);
        self.stack.borrow_mut().pop();
        self.states.borrow_mut().insert(name.to_string(), State::Done(result.clone()));
        result
    }

    /// Whether the function is checked for each call only.
    pub fn is_template(&self, name: &str) -> bool {
        self.is_open(name) || self.takes_lists(name)
    }

    /// Whether the function has parameters without a type.
    fn is_open(&self, name: &str) -> bool {
        self.definitions.get(name).is_some_and(|f| f.params.iter().any(|param| param.ty.is_none()))
    }

    /// Whether the function has a list among its parameters; then it is checked for each call, as its lists have other
    /// numbers of items.
    fn takes_lists(&self, name: &str) -> bool {
        let list = |f: &Function| f.params.iter().filter_map(|param| param.ty.as_ref()).any(|ty| list_in(ty).is_some());
        self.definitions.get(name).is_some_and(|f| list(f))
    }

    /// The parameters for arguments that are laid out so; lists without a layout have no items.
    fn parameters(&self, name: &str, layouts: &[Layout]) -> Result<Vec<Parameter>> {
        self.definitions.get(name).map_or(Ok(Vec::new()), |function| parameters(function, layouts))
    }

    /// The function checked for arguments that are laid out so.
    fn get_for(&self, name: &str, layouts: &[Layout], call: Span) -> Result<Rc<Checked>> {
        let Some(definition) = self.definitions.get(name).filter(|_| self.takes_lists(name)).cloned() else {
            return self.get(name, call);
        };
        if self.stack.borrow().iter().any(|known| known == name) {
            return Err(self.circle(name, call));
        }
        self.stack.borrow_mut().push(name.to_string());
        let result = check_function(self, &definition, layouts).map(Rc::new);
        self.stack.borrow_mut().pop();
        result
    }

    fn circle(&self, name: &str, call: Span) -> Box<Diagnostic> {
        let stack = self.stack.borrow();
        let start = stack.iter().position(|known| known == name).unwrap_or(0);
        let mut circle: Vec<&str> = stack.iter().skip(start).map(String::as_str).collect();
        circle.push(name);
        Diagnostic::error(codes::RECURSION, call, format!("`{name}` calls itself: {}", circle.join(" → ")))
            .at("this call closes the circle")
            .help("functions do not recurse; write a loop, or a reduction over a generator")
    }
}

/// The parameters of a function whose arguments are laid out so.
fn parameters(function: &Function, layouts: &[Layout]) -> Result<Vec<Parameter>> {
    let mut parameters: Vec<Parameter> = Vec::new();
    for (position, param) in function.params.iter().enumerate() {
        let name = param.name.text.clone();
        if let Some(first) = parameters.iter().find(|known| known.name == name) {
            let text = format!("two parameters are called `{name}`");
            return Err(Diagnostic::error(codes::DUPLICATE_NAME, param.name.span, text).label(first.span, "the first"));
        }
        let layout = layouts.get(position).unwrap_or(&Layout::Plain);
        let ty = match &param.ty {
            Some(ty) => declared_as(ty, layout, &name)?,
            None => Declared::Open(param.name.span),
        };
        parameters.push(Parameter { name, ty, span: param.name.span });
    }
    Ok(parameters)
}

fn check_function(functions: &Functions, function: &Function, layouts: &[Layout]) -> Result<Checked> {
    let mut checker = Checker::new(&function.name.text, functions, None);
    checker.targets = differentiated_names(&function.body);
    let sizes = parameter_sizes(function);
    let promises = super::contract::promises(function, &sizes)?;
    let parameters = parameters(function, layouts)?;
    for (name, span) in &sizes {
        let value = Value::array(checker.graph.size_value(&Size::var(name)));
        checker.scope.bind(name, value, *span, false);
    }
    for parameter in &parameters {
        checker.graph.span = parameter.span;
        let value = checker.parameter(&parameter.name, &parameter.ty);
        let name = crate::syntax::ast::Name { text: parameter.name.clone(), span: parameter.span };
        checker.bind_name(&name, value, false);
    }
    checker.flow.function = true;
    let value = checker.body(function).and_then(|value| checker.result(function, value, &Sizes::new()));
    let value = value.map_err(|error| checker.explained(error))?;
    let mut outputs = Vec::new();
    let result = value.shape(&mut outputs);
    checker.graph.outputs = outputs;
    Ok(Checked {
        name: function.name.text.clone(),
        parameters,
        result,
        graph: checker.graph,
        warnings: checker.warnings,
        promises,
        assumed: checker.assumed,
        relies: checker.relies,
    })
}

/// The size variables of a function's parameters, with the place of each first mention.
fn parameter_sizes(function: &Function) -> Vec<(String, Span)> {
    let mut sizes = Vec::new();
    function.params.iter().filter_map(|param| param.ty.as_ref()).for_each(|ty| size_names(ty, &mut sizes));
    sizes
}

impl Checker<'_> {
    /// The value of a function's body: what it returns on the way, or else its last expression.
    fn body(&mut self, function: &Function) -> Result<Value> {
        let value = self.block(&function.body)?;
        let Some((early, returned)) = self.flow.returned.take() else { return Ok(value) };
        if value != Value::Nothing {
            let span = function.body.statements.last().map_or(function.body.span, |last| last.span);
            let condition = Operand { id: early, literal: false, span };
            return self.choose(&condition, &returned, &value, span);
        }
        if always_returns(&function.body) {
            return Ok(returned);
        }
        let span = function.body.statements.last().map_or(function.body.span, |last| last.span);
        Err(Diagnostic::error(codes::TYPE, span, format!("`{}` may end without a value", function.name.text))
            .at("control can come to the end of the body here")
            .help("let the body end with an expression or a return"))
    }

    /// The inputs of a parameter.
    fn parameter(&mut self, name: &str, ty: &Declared) -> Value {
        match ty {
            Declared::Array(ty, _) => Value::array(self.graph.add_input(name, ty.clone())),
            Declared::Tuple(parts, _) => Value::Tuple(
                parts.iter().enumerate().map(|(k, part)| self.parameter(&format!("{name}.{k}"), part)).collect(),
            ),
            Declared::List(items, _) => Value::List(
                items.iter().enumerate().map(|(k, item)| self.parameter(&format!("{name}.{k}"), item)).collect(),
            ),
            Declared::Open(_) => Value::Nothing,
        }
    }

    /// The value of a function's body as its result type says, whose size variables may stand for other sizes.
    fn result(&mut self, function: &Function, value: Value, sizes: &Sizes) -> Result<Value> {
        let span = function.body.statements.last().map_or(function.body.span, |last| last.span);
        match (&function.result, value) {
            (_, Value::Nothing) => {
                Err(Diagnostic::error(codes::TYPE, span, format!("`{}` gives no value", function.name.text))
                    .help("let its body end with an expression"))
            }
            (None, value) => self.plain_result(value.settled(), span),
            (Some(ty), value) => {
                let known = parameter_sizes(function);
                let mut named = Vec::new();
                size_names(ty, &mut named);
                if let Some((name, place)) = named.iter().find(|(name, _)| !known.iter().any(|(k, _)| k == name)) {
                    return Err(Diagnostic::error(
                        codes::UNBOUND_SIZE,
                        *place,
                        format!("no parameter binds the size `{name}`"),
                    )
                    .help("use sizes of the parameters' types, or leave the result type out"));
                }
                let mut ty = if list_in(ty).is_some() { self.result_type(ty, &value)? } else { declared(ty)? };
                fill_open(&mut ty, &mut |shape| {
                    for size in shape {
                        *size = size.substitute(&|var| sizes.get(var).map(|(size, _)| size.clone()));
                    }
                });
                self.conform(&ty, value, span, "the result")
            }
        }
    }

    fn plain_result(&mut self, value: Value, span: Span) -> Result<Value> {
        let fits = match &value {
            Value::Array { .. } => true,
            Value::Tuple(parts) | Value::List(parts) => {
                parts.clone().into_iter().try_for_each(|part| self.plain_result(part, span).map(|_| ()))?;
                true
            }
            _ => false,
        };
        if fits {
            return Ok(value);
        }
        Err(Diagnostic::error(codes::TYPE, span, "a function gives arrays, or tuples and lists of them")
            .at(format!("this is {}", value.describe(&self.graph))))
    }

    /// A result type with lists, which have as many items as the value's; a `?` in it is the size that the value has.
    fn result_type(&self, ty: &TypeExpr, value: &Value) -> Result<Declared> {
        let mut ty = declared_as(ty, &value.layout(), "?")?;
        let actual = value.nodes();
        let mut actual = actual.iter();
        fill_open(&mut ty, &mut |shape| {
            let Some(own) = actual.next().map(|id| self.graph.shape(*id)) else { return };
            for (size, own) in shape.iter_mut().zip(own) {
                if size.as_var().is_some_and(|var| var.to_string().starts_with("?.")) {
                    *size = own.clone();
                }
            }
        });
        Ok(ty)
    }

    /// A value as a declared type, whose size variables are those of the function itself.
    fn conform(&mut self, ty: &Declared, value: Value, span: Span, what: &str) -> Result<Value> {
        match (ty, value) {
            (Declared::Array(ty, place), value @ Value::Array { .. }) => {
                let mut operand = self.as_operand(&value, span)?;
                let own = self.graph.ty(operand.id).clone();
                let promised = own.shape.iter().zip(&ty.shape).map(|(own, size)| {
                    let open = size.as_var().is_some_and(|var| &**var == super::types::UNKNOWN);
                    if open { own.clone() } else { size.clone() }
                });
                let promised: Vec<Size> = promised.collect();
                let what = format!("{what} has the sizes that its type says");
                if let Some(agreed) =
                    self.agreed(operand.id, &promised, &what, span).filter(|_| own.rank() == ty.rank())
                {
                    operand.id = agreed;
                } else {
                    return Err(Diagnostic::error(codes::SIZES, span, format!("{what} is {own}, not {ty}"))
                        .at(format!("this is {own}"))
                        .label(*place, format!("{ty} was promised here")));
                }
                match self.assignable(operand, ty.dtype) {
                    Some(id) => Ok(Value::array(id)),
                    None => Err(Diagnostic::error(codes::TYPE, span, format!("{what} is {own}, not {ty}"))
                        .label(*place, format!("{ty} was promised here"))
                        .help(format!("convert with {}(…)", ty.dtype))),
                }
            }
            (Declared::Tuple(types, _), Value::Tuple(values)) if types.len() == values.len() => Ok(Value::Tuple(
                types
                    .iter()
                    .zip(values)
                    .map(|(ty, value)| self.conform(ty, value, span, what))
                    .collect::<Result<_>>()?,
            )),
            (Declared::List(types, _), Value::List(values)) if types.len() == values.len() => Ok(Value::List(
                types
                    .iter()
                    .zip(values)
                    .map(|(ty, value)| self.conform(ty, value, span, what))
                    .collect::<Result<_>>()?,
            )),
            (ty, value) => Err(Diagnostic::error(
                codes::TYPE,
                span,
                format!("{what} is {}, not {}", value.describe(&self.graph), ty.describe()),
            )),
        }
    }

    /// A call of a defined function: its graph is copied in, with sizes and parameters replaced.
    pub(super) fn inline(&mut self, name: &str, args: &[Argument], span: Span) -> Result<Value> {
        let parameters = match self.functions.is_template(name) {
            true => self.functions.parameters(name, &[])?,
            false => self.functions.get(name, span)?.parameters.clone(),
        };
        let ordered = order_arguments(name, &parameters, args, span)?;
        let values = ordered.iter().map(|arg| self.expression(arg)).collect::<Result<Vec<_>>>()?;
        if self.functions.is_open(name) {
            return self.expand(name, &values, &ordered, span);
        }
        let layouts: Vec<Layout> = values.iter().map(Value::layout).collect();
        if self.functions.takes_lists(name) {
            // Before the body is looked at with lists that the call does not have.
            let parameters = self.functions.parameters(name, &layouts)?;
            for ((parameter, value), arg) in parameters.iter().zip(&values).zip(&ordered) {
                self.pair_argument(name, &parameter.name, &parameter.ty, value, arg.span, &mut Vec::new())?;
            }
        }
        let callee = self.functions.get_for(name, &layouts, span)?;
        let (ids, sizes) = self.arguments(&callee.name, &callee.parameters, &values, &ordered)?;
        // Under a condition a check of the body may not be done, and what relies on it is done another way.
        let mut fits = !callee.relies || !self.is_conditional(&ids);
        let mut assumed = Vec::new();
        for size in &callee.assumed {
            let size = size.substitute(&|var| sizes.get(var).map(|(size, _)| size.clone()));
            match size.as_const() {
                Some(..0) => fits = false,
                Some(_) => {}
                None if size.is_nonnegative() => {}
                // Here it is found when running, so that slices are clipped then.
                None if self.is_found(&size) => fits = false,
                None => assumed.push(size),
            }
        }
        if !fits && !self.functions.takes_lists(name) {
            return self.expand(name, &values, &ordered, span);
        }
        self.assumed.extend(assumed);
        self.relies |= callee.relies;
        let result = self.copy_in(&callee, &ids, &sizes, span)?;
        if self.graph.len() > NODE_LIMIT {
            return Err(too_large(span));
        }
        Ok(result)
    }

    /// The arrays of the arguments, as the parameters have them, and what the parameters' size variables stand for.
    fn arguments(
        &mut self,
        callee: &str,
        parameters: &[Parameter],
        values: &[Value],
        written: &[&Expr],
    ) -> Result<(Vec<NodeId>, Sizes)> {
        let (mut sizes, mut actuals) = (Sizes::new(), Vec::new());
        for ((parameter, value), arg) in parameters.iter().zip(values).zip(written) {
            self.pair_argument(callee, &parameter.name, &parameter.ty, value, arg.span, &mut actuals)?;
        }
        for (operand, ty) in &actuals {
            self.bind_sizes(operand, ty, &mut sizes);
        }
        for (operand, ty) in &actuals {
            self.solve_sizes(operand, ty, &mut sizes);
        }
        let mut ids = Vec::new();
        for (operand, ty) in &actuals {
            ids.push(self.argument(callee, operand, ty, &sizes)?);
        }
        Ok((ids, sizes))
    }

    /// A call of a function whose body is checked for this call alone, with its parameters bound to the arguments: where
    /// one of them is a function, or sizes are not what was assumed of them.
    fn expand(&mut self, name: &str, values: &[Value], written: &[&Expr], span: Span) -> Result<Value> {
        let Some(function) = self.functions.definitions.get(name).cloned() else {
            return Err(self.unknown_name(name, span));
        };
        if self.functions.stack.borrow().iter().any(|known| known == name) {
            return Err(self.functions.circle(name, span));
        }
        let layouts: Vec<Layout> = values.iter().map(Value::layout).collect();
        let parameters = self.functions.parameters(name, &layouts)?;
        let (ids, sizes) = self.arguments(name, &parameters, values, written)?;
        let mut ids = ids.into_iter();
        let mut scope = super::Scope::default();
        for (size, place) in parameter_sizes(&function) {
            if let Some((actual, _)) = sizes.iter().find_map(|(var, actual)| (**var == *size).then_some(actual)) {
                scope.bind(&size, Value::array(self.graph.size_value(actual)), place, false);
            }
        }
        let outer = self.enter_body(&function, scope);
        for (parameter, value) in parameters.iter().zip(values) {
            let value = match &parameter.ty {
                Declared::Open(_) => value.clone().settled(),
                _ => value.map(&mut |id| ids.next().unwrap_or(id)).settled(),
            };
            let name = crate::syntax::ast::Name { text: parameter.name.clone(), span: parameter.span };
            self.bind_name(&name, value, false);
        }
        self.functions.stack.borrow_mut().push(name.to_string());
        let value = self.body(&function).and_then(|value| self.result(&function, value, &sizes));
        self.functions.stack.borrow_mut().pop();
        self.leave_body(outer);
        if self.graph.len() > NODE_LIMIT {
            return Err(too_large(span));
        }
        value.map_err(|error| self.explained(error).label(span, format!("in this call of `{name}`")))
    }

    /// Pairs the arrays of one argument with those of its parameter.
    fn pair_argument(
        &self,
        callee: &str,
        parameter: &str,
        ty: &Declared,
        value: &Value,
        span: Span,
        actuals: &mut Vec<(Operand, Type)>,
    ) -> Result<()> {
        match (ty, value) {
            (Declared::Array(ty, _), Value::Array { .. }) => {
                actuals.push((self.as_operand(value, span)?, ty.clone()));
                Ok(())
            }
            (Declared::Tuple(types, _), Value::Tuple(values)) | (Declared::List(types, _), Value::List(values))
                if types.len() == values.len() =>
            {
                types
                    .iter()
                    .zip(values)
                    .try_for_each(|(ty, value)| self.pair_argument(callee, parameter, ty, value, span, actuals))
            }
            (Declared::Open(_), _) => Ok(()),
            _ => Err(Diagnostic::error(
                codes::ARGUMENTS,
                span,
                format!("`{callee}` takes {} as `{parameter}`", ty.describe()),
            )
            .at(format!("this is {}", value.describe(&self.graph)))),
        }
    }

    /// Bare size variables are bound by the first argument that has them.
    fn bind_sizes(&self, operand: &Operand, ty: &Type, sizes: &mut Sizes) {
        for (formal, actual) in ty.shape.iter().zip(self.graph.shape(operand.id)) {
            if let Some(var) = formal.as_var() {
                sizes.entry(var.clone()).or_insert_with(|| (actual.clone(), operand.span));
            }
        }
    }

    /// What is left follows from sizes that are linear in one variable: `2*k` of an argument of size 6 makes k 3.
    fn solve_sizes(&self, operand: &Operand, ty: &Type, sizes: &mut Sizes) {
        for (formal, actual) in ty.shape.iter().zip(self.graph.shape(operand.id)) {
            let open: Vec<SizeVar> = formal.vars().into_iter().filter(|var| !sizes.contains_key(var)).collect();
            let [var] = open.as_slice() else { continue };
            let at = |value: i64| {
                formal.substitute(&|name| match name == var {
                    true => Some(Size::from(value)),
                    false => sizes.get(name).map(|(size, _)| size.clone()),
                })
            };
            let (rest, slope) = (at(0), at(1).minus(&at(0)));
            let solved = actual.minus(&rest).divide(&slope).filter(|size| size.as_const().is_none_or(|size| size >= 0));
            if let (Some(size), true) = (solved, at(2).minus(&at(1)) == slope) {
                sizes.insert(var.clone(), (size, operand.span));
            }
        }
    }

    /// One argument, checked against its parameter's type.
    fn argument(&mut self, callee: &str, operand: &Operand, formal: &Type, sizes: &Sizes) -> Result<NodeId> {
        let own = self.graph.ty(operand.id).clone();
        let error = |code, message: String| Diagnostic::error(code, operand.span, message).at(format!("this is {own}"));
        if own.rank() != formal.rank() {
            let text = format!("`{callee}` takes {formal} here, an array of {} axes", formal.rank());
            return Err(error(codes::RANK, text));
        }
        let mut operand = *operand;
        let bind = |expected: &Size| expected.substitute(&|var| sizes.get(var).map(|(size, _)| size.clone()));
        let wanted: Vec<Size> = formal.shape.iter().map(bind).collect();
        let what = format!("`{callee}` takes {formal} here");
        operand.id = self.agreed(operand.id, &wanted, &what, operand.span).unwrap_or(operand.id);
        for (expected, actual) in formal.shape.iter().zip(&own.shape) {
            let bound = bind(expected);
            if !self.may_be_equal(&bound, actual) {
                let text = match expected.as_const() {
                    Some(_) => format!("`{callee}` takes {formal} here: the size must be {bound}, not {actual}"),
                    None => format!(
                        "`{callee}` takes {formal} here: its {expected} is {bound} elsewhere in the call, {actual} here"
                    ),
                };
                let mut problem = error(codes::SIZES, text);
                for var in expected.vars() {
                    if let Some((size, place)) = sizes.get(&var).filter(|(_, place)| *place != operand.span) {
                        problem = problem.label(*place, format!("{callee}'s {var} is {size} by this argument"));
                    }
                }
                return Err(self.origins(problem, &[&bound, actual]));
            }
        }
        match self.assignable(operand, formal.dtype) {
            Some(id) => Ok(id),
            None => Err(error(codes::TYPE, format!("`{callee}` takes {formal} here"))
                .help(format!("convert with {}(…)", formal.dtype))),
        }
    }

    fn copy_in(&mut self, callee: &Checked, ids: &[NodeId], sizes: &Sizes, span: Span) -> Result<Value> {
        let source = &callee.graph;
        let mut copier = Copier::inlining(source, &mut self.graph, |var| sizes.get(var).map(|(size, _)| size.clone()));
        for id in source.ids() {
            if let crate::graph::Op::Input(k) = source.node(id).op
                && let Some(&actual) = ids.get(k)
            {
                copier.set(id, actual);
            }
        }
        let entry = self.effect_condition(ids);
        let mut inner: Vec<crate::graph::VarId> = Vec::new();
        for id in source.ids().filter(|_| entry.is_some()) {
            if let crate::graph::Op::Loop(binder) = &source.node(id).op {
                inner.extend(binder.vars());
            }
        }
        copier.copy_all(&mut self.graph, &source.roots(), |copier, graph, id| {
            let copied = copier.copy(graph, id);
            // What depends on a loop's variables happens inside of the loop, which is not entered.
            let looping = source.node(id).free.iter().any(|var| inner.contains(var));
            match entry.filter(|_| !looping) {
                Some(condition) => super::flow::under_condition(graph, copied, condition),
                None => copied,
            }
        });
        let found: Vec<NodeId> = source.dynamic_sizes().filter_map(|(_, value)| copier.get(value)).collect();
        let checks: Vec<NodeId> = source.checks.iter().filter_map(|id| copier.get(*id)).collect();
        let outputs: Vec<NodeId> = source.outputs.iter().filter_map(|id| copier.get(*id)).collect();
        for check in checks {
            if !self.graph.checks.contains(&check) {
                self.graph.checks.push(check);
            }
        }
        if let Some(&open) =
            found.iter().find(|id| self.graph.as_extent(**id).is_none_or(|size| size.as_const().is_none()))
        {
            self.concrete(open, span)?;
        }
        Ok(Value::from_shape(&callee.result, &outputs))
    }
}

fn too_large(span: Span) -> Box<Diagnostic> {
    Diagnostic::error(codes::LIMIT, span, "the program is too large to compile")
        .note(format!("inlining this call makes more than {NODE_LIMIT} operations"))
        .help("call functions in a loop or comprehension instead of one by one")
}

/// Whether control never comes to the end of a block.
fn always_returns(block: &Block) -> bool {
    block.statements.last().is_some_and(|last| match &last.kind {
        StatementKind::Return(_) => true,
        StatementKind::Expr(Expr { kind: ExprKind::If(_, then, Some(otherwise)), .. }) => {
            always_returns(then) && always_returns(otherwise)
        }
        _ => false,
    })
}

/// Gives each array's sizes to `fill`, in order.
fn fill_open(ty: &mut Declared, fill: &mut dyn FnMut(&mut [Size])) {
    match ty {
        Declared::Array(ty, _) => fill(&mut ty.shape),
        Declared::Tuple(parts, _) | Declared::List(parts, _) => {
            parts.iter_mut().for_each(|part| fill_open(part, fill));
        }
        Declared::Open(_) => {}
    }
}

/// Arguments by position and by name, in the parameters' order.
fn order_arguments<'e>(
    callee: &str,
    parameters: &[Parameter],
    args: &'e [Argument],
    span: Span,
) -> Result<Vec<&'e Expr>> {
    let mut slots: Vec<Option<&Expr>> = vec![None; parameters.len()];
    for (position, arg) in args.iter().enumerate() {
        let at = match &arg.name {
            None => Some(position).filter(|&p| p < slots.len()),
            Some(name) => parameters.iter().position(|p| p.name == name.text),
        };
        match at.and_then(|at| slots.get_mut(at)) {
            Some(slot @ None) => *slot = Some(&arg.value),
            Some(Some(_)) => {
                return Err(Diagnostic::error(
                    codes::ARGUMENTS,
                    arg.value.span,
                    "this parameter has its argument already",
                ));
            }
            None => return Err(wrong_arguments(callee, parameters, args.len(), arg.value.span)),
        }
    }
    slots.into_iter().collect::<Option<Vec<_>>>().ok_or_else(|| wrong_arguments(callee, parameters, args.len(), span))
}

fn wrong_arguments(callee: &str, parameters: &[Parameter], given: usize, span: Span) -> Box<Diagnostic> {
    let shown: Vec<String> = parameters.iter().map(|p| format!("{}: {}", p.name, p.ty.describe())).collect();
    let (count, s) = (parameters.len(), if parameters.len() == 1 { "" } else { "s" });
    Diagnostic::error(codes::ARGUMENTS, span, format!("`{callee}` takes {count} argument{s}, {given} given"))
        .help(format!("its parameters are ({})", shown.join(", ")))
}

/// The names that a body differentiates by.
pub(super) fn differentiated_names(block: &Block) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    visit::block_expressions(block, &mut |expr| target(expr, &mut names));
    names
}

/// The names that a statement differentiates by.
pub(super) fn statement_targets(statement: &Statement, names: &mut BTreeSet<String>) {
    visit::statement_expressions(statement, &mut |expr| target(expr, names));
}

fn target(expr: &Expr, names: &mut BTreeSet<String>) {
    let ExprKind::Call(callee, args) = &expr.kind else { return };
    let derivative = matches!(&callee.kind, ExprKind::Name(name) if super::builtins::differentiates(name));
    if let (true, Some(by)) = (derivative, args.get(1)) {
        visit::expressions(&by.value, &mut |part| names.extend(part.as_name().map(|name| name.text)));
    }
}

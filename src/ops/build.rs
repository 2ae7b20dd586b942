//! Constructors for constants, sizes and elementwise nodes.
//!
//! In: operands. Out: nodes, simplified where the result is exactly the same.
//! Always holds: no simplification changes a bit of a result, not even for NaN, infinities or -0.

use super::elementwise::{self, Elementwise, Signature, Value};
use crate::graph::{Constant, Graph, NodeId, Op, Size, Type};
use crate::runtime::array::DType;

impl Graph {
    /// A scalar constant of a dtype.
    pub fn constant(&mut self, constant: Constant, dtype: DType) -> NodeId {
        let constant = match (Value::constant(constant, dtype), dtype) {
            (Value::Bool(v), _) => Constant::Bool(v),
            (Value::Int(v), _) => Constant::Int(v),
            (value, _) => Constant::float(value.f64()),
        };
        self.add(Op::Const(constant), Vec::new(), Type::scalar(dtype))
    }

    /// A scalar integer.
    pub fn int(&mut self, value: i64) -> NodeId {
        self.constant(Constant::Int(value), DType::I64)
    }

    /// A scalar constant of the dtype of `like`.
    pub fn constant_like(&mut self, like: NodeId, value: f64) -> NodeId {
        let dtype = self.ty(like).dtype;
        self.constant(Constant::float(value), dtype)
    }

    /// An array of one value with the type of `like`.
    pub fn full_like(&mut self, like: NodeId, value: f64) -> NodeId {
        let scalar = self.constant_like(like, value);
        let shape = self.shape(like).to_vec();
        self.broadcast(scalar, &[], &shape)
    }

    /// The value of a size.
    pub fn size_value(&mut self, size: &Size) -> NodeId {
        match size.as_const() {
            Some(value) => self.int(value),
            None => self.add(Op::Size(size.clone()), Vec::new(), Type::scalar(DType::I64)),
        }
    }

    /// The constant behind a node, seen through broadcasts.
    pub fn as_constant(&self, id: NodeId) -> Option<Constant> {
        match &self.node(id).op {
            Op::Const(constant) => Some(*constant),
            Op::Broadcast { .. } => self.as_constant(self.node(id).inputs[0]),
            _ => None,
        }
    }

    /// `0, 1, …, n - 1`.
    pub fn iota(&mut self, n: &Size) -> NodeId {
        self.add(Op::Iota, Vec::new(), Type::array(DType::I64, vec![n.clone()]))
    }

    /// Conversion to a dtype.
    pub fn cast(&mut self, x: NodeId, dtype: DType) -> NodeId {
        if self.ty(x).dtype == dtype {
            return x;
        }
        if let Some(moved) = self.cast_of_half(x, dtype) {
            return moved;
        }
        let node = self.node(x);
        match (&node.op, node.inputs.as_slice()) {
            (Op::Const(constant), _) => {
                let value = Value::constant(*constant, node.ty.dtype).cast(dtype);
                let constant = match value {
                    Value::Bool(v) => Constant::Bool(v),
                    Value::Int(v) => Constant::Int(v),
                    float => Constant::float(float.f64()),
                };
                self.constant(constant, dtype)
            }
            (Op::Broadcast { axes }, [inner]) => {
                let (axes, inner, shape) = (axes.clone(), *inner, node.ty.shape.clone());
                let inner = self.cast(inner, dtype);
                self.broadcast(inner, &axes, &shape)
            }
            _ => {
                let ty = Type::array(dtype, node.ty.shape.clone());
                self.add(Op::Cast, vec![x], ty)
            }
        }
    }

    /// An elementwise operator. Operands are of one dtype (as its signature says) and of one shape or scalar;
    /// scalars are repeated.
    pub fn map(&mut self, op: &'static Elementwise, args: &[NodeId]) -> NodeId {
        if let Some(half) = self.half_among(args) {
            return self.in_single(half, args, |g, wide| g.map(op, wide));
        }
        let shape = args.iter().map(|&a| self.shape(a)).max_by_key(|s| s.len()).unwrap_or(&[]).to_vec();
        if let Some(simple) = self.simplified(op, args, &shape) {
            return simple;
        }
        let args: Vec<NodeId> =
            args.iter().map(|&a| if self.ty(a).rank() == 0 { self.broadcast(a, &[], &shape) } else { a }).collect();
        let dtype = match op.signature {
            Signature::Predicate | Signature::FloatPredicate | Signature::Logic => DType::Bool,
            Signature::Select => self.ty(args[1]).dtype,
            Signature::Number | Signature::Float => self.ty(args[0]).dtype,
            Signature::Integer => DType::I64,
            Signature::IntegerToFloat => DType::F64,
        };
        self.add(Op::Map(op), args, Type::array(dtype, shape))
    }

    /// A simpler node of exactly the same value, if there is one.
    fn simplified(&mut self, op: &'static Elementwise, args: &[NodeId], shape: &[Size]) -> Option<NodeId> {
        if let Some(same) = self.identity(op, args, shape) {
            return Some(same);
        }
        let scalars: Option<Vec<NodeId>> = args.iter().map(|&a| self.scalar_behind(a)).collect();
        let scalars = scalars?;
        let folded = self.folded(op, &scalars);
        match folded {
            Some(scalar) => Some(self.broadcast(scalar, &[], shape)),
            None if !shape.is_empty() => {
                let scalar = self.map(op, &scalars);
                Some(self.broadcast(scalar, &[], shape))
            }
            None => None,
        }
    }

    /// `x * 1`, `x / 1`, integer `x + 0`, `-(-x)`, and `where` with equal branches.
    fn identity(&mut self, op: &'static Elementwise, args: &[NodeId], shape: &[Size]) -> Option<NodeId> {
        let is_one = |g: &Graph, id| g.as_constant(id).is_some_and(|c| c.as_f64() == 1.0);
        let is_integer_zero = |g: &Graph, id| g.as_constant(id) == Some(Constant::Int(0));
        let kept = match (op.name, args) {
            ("add" | "subtract", [a, b]) if is_integer_zero(self, *b) => *a,
            ("add", [a, b]) if is_integer_zero(self, *a) => *b,
            ("multiply", [a, b]) if is_one(self, *b) => *a,
            ("multiply" | "strong_multiply", [a, b]) if is_one(self, *a) => *b,
            ("divide", [a, b]) if is_one(self, *b) => *a,
            ("strong_multiply", [a, b]) if is_one(self, *b) => *a,
            ("where", [_, a, b]) if a == b => *a,
            ("negate", [a]) => match (&self.node(*a).op, self.node(*a).inputs.as_slice()) {
                (Op::Map(inner), [x]) if inner.name == "negate" => *x,
                _ => return None,
            },
            _ => return None,
        };
        if self.ty(kept).rank() == 0 { Some(self.broadcast(kept, &[], shape)) } else { Some(kept) }
    }

    /// The scalar that is repeated to make this node.
    fn scalar_behind(&self, id: NodeId) -> Option<NodeId> {
        let node = self.node(id);
        match &node.op {
            _ if node.ty.rank() == 0 => Some(id),
            Op::Broadcast { axes } if axes.is_empty() => node.inputs.first().copied(),
            _ => None,
        }
    }

    /// The operator on constants, or on sizes where the result is a size.
    fn folded(&mut self, op: &'static Elementwise, args: &[NodeId]) -> Option<NodeId> {
        self.folded_constants(op, args).or_else(|| self.folded_sizes(op, args))
    }

    fn folded_sizes(&mut self, op: &'static Elementwise, args: &[NodeId]) -> Option<NodeId> {
        let sizes: Option<Vec<Size>> = args.iter().map(|&a| self.as_size(a)).collect();
        let size = match (op.name, sizes?.as_slice()) {
            ("add", [a, b]) => a.plus(b),
            ("subtract", [a, b]) => a.minus(b),
            ("multiply", [a, b]) => a.times(b),
            ("negate", [a]) => Size::from(0).minus(a),
            _ => return None,
        };
        Some(self.size_value(&size))
    }

    fn folded_constants(&mut self, op: &'static Elementwise, args: &[NodeId]) -> Option<NodeId> {
        let values: Option<Vec<Value>> = args
            .iter()
            .map(|&a| match &self.node(a).op {
                Op::Const(constant) => Some(Value::constant(*constant, self.ty(a).dtype)),
                _ => None,
            })
            .collect();
        Some(match (op.eval)(&values?) {
            Value::Bool(v) => self.constant(Constant::Bool(v), DType::Bool),
            Value::Int(v) => self.int(v),
            Value::F16(_) | Value::BF16(_) => return None,
            Value::F32(v) => self.constant(Constant::float(f64::from(v)), DType::F32),
            Value::F64(v) => self.constant(Constant::float(v), DType::F64),
        })
    }

    /// `a + b`.
    pub fn plus(&mut self, a: NodeId, b: NodeId) -> NodeId {
        self.map(&elementwise::ADD, &[a, b])
    }

    /// `a * b`.
    pub fn times(&mut self, a: NodeId, b: NodeId) -> NodeId {
        self.map(&elementwise::MULTIPLY, &[a, b])
    }
}

//! A function under construction.
//!
//! In: requests for constants, sizes, buffers, blocks and calls. Out: a Cranelift function.
//! Always holds: what does not depend on a loop is in the head block, which dominates everything; an error is kept
//! until [`Writer::finish`], so that the code between need not carry it.

use super::CodegenError;
use crate::graph::{Size, SizeVar};
use crate::loops::{BufferId, Kernel};
use crate::runtime::symbols;
use crate::runtime::threads::INTERRUPTED;
use cranelift_codegen::cursor::{Cursor, CursorPosition, FuncCursor};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    self, AbiParam, Block, BlockArg, FuncRef, InstBuilder, MemFlagsData, Signature, StackSlot, StackSlotData,
    StackSlotKind, Type, Value, types,
};
use cranelift_module::{FuncId, Linkage, Module};
use rustc_hash::{FxHashMap, FxHashSet};

/// Where sizes and buffers are found in the frame, an array of 8-byte slots.
pub(super) struct Frame {
    sizes: FxHashMap<SizeVar, usize>,
    buffers: usize,
    /// Sizes that are found out while the kernel runs.
    found: FxHashSet<SizeVar>,
    /// Buffers that get their memory then.
    moving: FxHashSet<BufferId>,
}

impl Frame {
    /// The frame of a kernel: its sizes, its buffers, the address of the flag that asks it to stop.
    pub(super) fn new(kernel: &Kernel) -> Frame {
        let sizes = kernel.sizes.iter().enumerate().map(|(slot, var)| (var.clone(), slot)).collect();
        let found = kernel.found.iter().cloned().collect();
        let buffers = kernel.buffers.iter().enumerate();
        let moving = buffers.filter(|(_, buffer)| kernel.is_found(&buffer.elements)).map(|(id, _)| id).collect();
        Frame { sizes, buffers: kernel.buffers.len(), found, moving }
    }

    /// Where a size variable lies.
    pub(super) fn slot(&self, var: &SizeVar) -> Option<usize> {
        self.sizes.get(var).copied()
    }
}

/// Buffers of one element that never are in memory, or not in memory alone.
#[derive(Default)]
pub(super) struct Registers {
    /// Which buffers, and whether others read them from memory.
    pub(super) mirrored: FxHashMap<BufferId, bool>,
    /// What they hold.
    pub(super) values: FxHashMap<BufferId, Value>,
}

/// A function under construction. See the module.
pub(super) struct Writer<'a> {
    /// Where instructions go.
    pub(super) cursor: FuncCursor<'a>,
    module: &'a mut dyn Module,
    frame: &'a Frame,
    frame_pointer: Value,
    head: Block,
    slots: FxHashMap<usize, Value>,
    sizes: FxHashMap<Size, Value>,
    constants: FxHashMap<(Type, u64), Value>,
    functions: FxHashMap<String, FuncRef>,
    /// Scalars that are in registers: what the buffers of those numbers hold, for now.
    pub(super) registers: Registers,
    /// Sizes are found out while this function runs, so what depends on them is read anew.
    pub(super) finds_sizes: bool,
    /// The block where addresses are read that the code behind it uses, and those that have been: before an outermost loop they are
    /// read anew, so that they need not be held in registers, or spilled, from the beginning of the function.
    local: Option<(Block, FxHashMap<usize, Value>)>,
    /// What slots of the frame hold since a size was found out.
    pub(super) found: FxHashMap<usize, Value>,
    error: Option<CodegenError>,
}

/// Memory accesses of scalars: they cannot fail and are aligned.
pub(super) fn aligned() -> MemFlagsData {
    MemFlagsData::trusted()
}

/// Memory accesses of vectors: aligned as their elements only.
pub(super) fn unaligned() -> MemFlagsData {
    MemFlagsData::new().with_notrap()
}

/// A signature of integers (and pointers).
pub(super) fn signature(module: &dyn Module, params: &[Type], returns: &[Type]) -> Signature {
    let mut signature = module.make_signature();
    signature.params.extend(params.iter().map(|ty| AbiParam::new(*ty)));
    signature.returns.extend(returns.iter().map(|ty| AbiParam::new(*ty)));
    signature
}

impl<'a> Writer<'a> {
    /// Starts the body of `function`, whose parameters are all 8-byte integers. The one numbered `frame_param` is the
    /// pointer to the frame. Returns the parameters too.
    pub(super) fn new(
        function: &'a mut ir::Function,
        module: &'a mut dyn Module,
        frame: &'a Frame,
        frame_param: usize,
    ) -> (Writer<'a>, Vec<Value>) {
        let count = function.signature.params.len();
        let mut cursor = FuncCursor::new(function);
        let head = cursor.func.dfg.make_block();
        let params: Vec<Value> = (0..count).map(|_| cursor.func.dfg.append_block_param(head, types::I64)).collect();
        cursor.insert_block(head);
        let writer = Writer {
            cursor,
            module,
            frame,
            frame_pointer: params[frame_param],
            head,
            slots: FxHashMap::default(),
            sizes: FxHashMap::default(),
            constants: FxHashMap::default(),
            functions: FxHashMap::default(),
            registers: Registers::default(),
            finds_sizes: false,
            local: None,
            found: FxHashMap::default(),
            error: None,
        };
        let mut writer = writer;
        let body = writer.block(&[]);
        writer.jump(body, &[]);
        writer.start(body);
        (writer, params)
    }

    /// The error, if there was one.
    pub(super) fn finish(self) -> Result<(), CodegenError> {
        self.error.map_or(Ok(()), Err)
    }

    /// Keeps the first error.
    pub(super) fn fail(&mut self, reason: impl std::fmt::Display) {
        self.error.get_or_insert_with(|| CodegenError::new(reason));
    }

    /// The place for one more instruction.
    pub(super) fn ins(&mut self) -> impl InstBuilder<'_> {
        self.cursor.ins()
    }

    /// The type of a value.
    pub(super) fn ty(&self, value: Value) -> Type {
        self.cursor.func.dfg.value_type(value)
    }

    /// A new block with parameters.
    pub(super) fn block(&mut self, params: &[Type]) -> Block {
        let block = self.cursor.func.dfg.make_block();
        for ty in params {
            self.cursor.func.dfg.append_block_param(block, *ty);
        }
        block
    }

    /// A block that is rarely reached.
    pub(super) fn cold_block(&mut self) -> Block {
        let block = self.block(&[]);
        self.cursor.func.layout.set_cold(block);
        block
    }

    /// The parameters of a block.
    pub(super) fn params(&self, block: Block) -> Vec<Value> {
        self.cursor.func.dfg.block_params(block).to_vec()
    }

    /// Goes on in `block`, which comes last in the function.
    pub(super) fn start(&mut self, block: Block) {
        self.cursor.func.layout.append_block(block);
        self.cursor.goto_bottom(block);
    }

    /// The block that instructions go to.
    pub(super) fn current(&mut self) -> Block {
        self.cursor.current_block().unwrap_or(self.head)
    }

    /// Ends the block with a jump.
    pub(super) fn jump(&mut self, to: Block, args: &[Value]) {
        let args: Vec<BlockArg> = args.iter().map(|arg| BlockArg::Value(*arg)).collect();
        self.cursor.ins().jump(to, &args);
    }

    /// Ends the block: to `yes` if the condition is not zero, else to `no`; both get the same arguments.
    pub(super) fn branch(&mut self, condition: Value, yes: (Block, &[Value]), no: (Block, &[Value])) {
        let yes_args: Vec<BlockArg> = yes.1.iter().map(|arg| BlockArg::Value(*arg)).collect();
        let no_args: Vec<BlockArg> = no.1.iter().map(|arg| BlockArg::Value(*arg)).collect();
        self.cursor.ins().brif(condition, yes.0, &yes_args, no.0, &no_args);
    }

    /// Writes instructions at the end of `block`, before its terminator if it has one, and comes back.
    pub(super) fn within<R>(&mut self, block: Block, write: impl FnOnce(&mut Self) -> R) -> R {
        let here = self.cursor.position();
        let last = self.cursor.func.layout.last_inst(block);
        let end = last.filter(|inst| self.cursor.func.dfg.insts[*inst].opcode().is_terminator());
        self.cursor.set_position(end.map_or(CursorPosition::After(block), CursorPosition::At));
        let result = write(self);
        self.cursor.set_position(here);
        result
    }

    /// A constant, given by its bits; every lane of a vector has it.
    pub(super) fn constant(&mut self, ty: Type, bits: u64) -> Value {
        if let Some(value) = self.constants.get(&(ty, bits)) {
            return *value;
        }
        let value = self.within(self.head, |w| match ty {
            types::F64 => w.ins().f64const(f64::from_bits(bits)),
            types::F32 => w.ins().f32const(f32::from_bits(bits as u32)),
            _ if ty.is_vector() => {
                let lane = w.constant(ty.lane_type(), bits);
                w.ins().splat(ty, lane)
            }
            _ => w.ins().iconst(ty, bits as i64),
        });
        self.constants.insert((ty, bits), value);
        value
    }

    /// A vector of two different integers.
    pub(super) fn pair(&mut self, first: i64, second: i64) -> Value {
        let mut bytes = first.to_le_bytes().to_vec();
        bytes.extend(second.to_le_bytes());
        let constant = self.cursor.func.dfg.constants.insert(bytes.into());
        self.within(self.head, |w| w.ins().vconst(types::I64X2, constant))
    }

    /// The bytes of a vector in another order.
    pub(super) fn shuffle(&mut self, bytes: Value, order: [u8; 16]) -> Value {
        let order = self.cursor.func.dfg.immediates.push(order.to_vec().into());
        self.ins().shuffle(bytes, bytes, order)
    }

    /// A 64-bit integer constant.
    pub(super) fn integer(&mut self, value: i64) -> Value {
        self.constant(types::I64, value as u64)
    }

    fn slot(&mut self, slot: usize) -> Value {
        if let Some(value) = self.slots.get(&slot) {
            return *value;
        }
        let (head, frame) = (self.head, self.frame_pointer);
        let offset = i32::try_from(8 * slot).unwrap_or_default();
        let value = self.within(head, |w| w.ins().load(types::I64, aligned(), frame, offset));
        self.slots.insert(slot, value);
        value
    }

    /// How many slots the frame has.
    pub(super) fn frame_slots(&self) -> i64 {
        (self.frame.sizes.len() + self.frame.buffers + 2) as i64
    }

    /// The slot of a buffer's address.
    pub(super) fn buffer_slot(&self, buffer: BufferId) -> i64 {
        (self.frame.sizes.len() + buffer) as i64
    }

    /// The address of a buffer.
    pub(super) fn buffer(&mut self, buffer: BufferId) -> Value {
        if self.finds_sizes && self.frame.moving.contains(&buffer) {
            return self.slot_now(self.frame.sizes.len() + buffer);
        }
        self.address(self.frame.sizes.len() + buffer)
    }

    /// Begins code that reads addresses anew.
    pub(super) fn begin_local(&mut self) {
        self.local = Some((self.current(), FxHashMap::default()));
    }

    /// Ends it.
    pub(super) fn end_local(&mut self) {
        self.local = None;
    }

    /// An address that stays the same in the whole function.
    fn address(&mut self, slot: usize) -> Value {
        let Some((home, known)) = &self.local else { return self.slot(slot) };
        if let Some(value) = known.get(&slot) {
            return *value;
        }
        let (home, frame, offset) = (*home, self.frame_pointer, i32::try_from(8 * slot).unwrap_or_default());
        let value = self.within(home, |w| w.ins().load(types::I64, aligned(), frame, offset));
        if let Some((_, known)) = &mut self.local {
            known.insert(slot, value);
        }
        value
    }

    /// What a register holds; `None` for a buffer in memory.
    pub(super) fn register(&mut self, buffer: BufferId, ty: Type) -> Option<Value> {
        self.registers.mirrored.get(&buffer)?;
        match self.registers.values.get(&buffer) {
            Some(value) => Some(*value),
            // Never written on the way to here, so what is read does not matter.
            None => Some(self.constant(ty, 0)),
        }
    }

    /// Changes what a register holds; says whether memory has to be written too.
    pub(super) fn set_register(&mut self, buffer: BufferId, value: Value) -> bool {
        match self.registers.mirrored.get(&buffer) {
            Some(mirrored) => {
                self.registers.values.insert(buffer, value);
                *mirrored
            }
            None => true,
        }
    }

    /// The value of a size, in the head block.
    pub(super) fn size(&mut self, size: &Size) -> Value {
        if let Some(constant) = size.as_const() {
            return self.integer(constant);
        }
        if self.finds_sizes && size.vars().iter().any(|var| self.frame.found.contains(var)) {
            return self.size_now(size);
        }
        if let Some(value) = self.sizes.get(size) {
            return *value;
        }
        let mut sum = None;
        for (vars, coefficient) in size.monomials() {
            let product = self.monomial(vars, coefficient);
            sum = Some(match sum {
                None => product,
                Some(sum) => self.within(self.head, |w| w.ins().iadd(sum, product)),
            });
        }
        let value = sum.unwrap_or_else(|| self.integer(0));
        self.sizes.insert(size.clone(), value);
        value
    }

    /// Reads the slots of a size that has just been found out, and of the buffers that depend on it.
    pub(super) fn read_found(&mut self, size: &SizeVar, kernel: &Kernel) {
        let depends = |id: &BufferId| kernel.buffers.get(*id).is_some_and(|of| of.elements.vars().contains(size));
        let moved = (0..kernel.buffers.len()).filter(depends).map(|id| self.frame.sizes.len() + id);
        let slots: Vec<usize> = moved.chain(self.frame.slot(size)).collect();
        for slot in slots {
            self.found.remove(&slot);
            let value = self.slot_now(slot);
            self.found.insert(slot, value);
        }
    }

    fn slot_now(&mut self, slot: usize) -> Value {
        if let Some(known) = self.found.get(&slot) {
            return *known;
        }
        let (frame, offset) = (self.frame_pointer, i32::try_from(8 * slot).unwrap_or_default());
        self.ins().load(types::I64, MemFlagsData::new().with_notrap().with_aligned(), frame, offset)
    }

    /// A size as it is at this point.
    fn size_now(&mut self, size: &Size) -> Value {
        let mut sum = None;
        for (vars, coefficient) in size.monomials() {
            let mut product = self.integer(coefficient);
            for var in vars {
                let Some(slot) = self.frame.slot(var) else {
                    self.fail(format_args!("size variable {var} is not one of the kernel's"));
                    continue;
                };
                let value = self.slot_now(slot);
                product = self.ins().imul(product, value);
            }
            sum = Some(self.add(sum, product));
        }
        sum.unwrap_or_else(|| self.integer(0))
    }

    fn monomial(&mut self, vars: &[SizeVar], coefficient: i64) -> Value {
        let mut product = None;
        for var in vars {
            let Some(slot) = self.frame.sizes.get(var).copied() else {
                self.fail(format_args!("size variable {var} is not one of the kernel's"));
                continue;
            };
            let value = self.slot(slot);
            product = Some(match product {
                None => value,
                Some(product) => self.within(self.head, |w| w.ins().imul(product, value)),
            });
        }
        match product {
            Some(product) => self.within(self.head, |w| w.times(product, coefficient)),
            None => self.integer(coefficient),
        }
    }

    /// `value * factor`.
    pub(super) fn times(&mut self, value: Value, factor: i64) -> Value {
        if let Some(known) = self.integer_behind(value) {
            return self.integer(known.wrapping_mul(factor));
        }
        match factor {
            1 => value,
            -1 => self.ins().ineg(value),
            _ if factor > 1 && factor & (factor - 1) == 0 => {
                let shift = self.integer(i64::from(factor.trailing_zeros()));
                self.ins().ishl(value, shift)
            }
            _ => {
                let factor = self.integer(factor);
                self.ins().imul(value, factor)
            }
        }
    }

    /// `value * factor` for a size.
    pub(super) fn times_size(&mut self, value: Value, factor: &Size) -> Value {
        match factor.as_const() {
            Some(constant) => self.times(value, constant),
            None => {
                let factor = self.size(factor);
                self.ins().imul(value, factor)
            }
        }
    }

    /// The product of two integers. By 3, 5 and 9 it is the sum of one and its shift, which is one fast instruction on x86-64.
    pub(super) fn product(&mut self, a: Value, b: Value) -> Value {
        for (value, factor) in [(a, b), (b, a)] {
            if let (Some(3 | 5 | 9), types::I64) = (self.integer_behind(factor), self.ty(value)) {
                let shift = self.integer_behind(factor).map_or(0, |factor| i64::from((factor - 1).trailing_zeros()));
                let shift = self.integer(shift);
                let shifted = self.ins().ishl(value, shift);
                return self.ins().iadd(value, shifted);
            }
        }
        self.ins().imul(a, b)
    }

    /// The integer that a value always is.
    pub(super) fn integer_behind(&self, value: Value) -> Option<i64> {
        let dfg = &self.cursor.func.dfg;
        match dfg.insts[dfg.value_def(value).inst()?] {
            ir::InstructionData::UnaryImm { opcode: ir::Opcode::Iconst, imm } => Some(imm.bits()),
            _ => None,
        }
    }

    /// `value + number`.
    pub(super) fn plus(&mut self, value: Value, number: i64) -> Value {
        if let Some(known) = self.integer_behind(value) {
            return self.integer(known.wrapping_add(number));
        }
        let number = self.integer(number);
        self.ins().iadd(value, number)
    }

    /// `a + b`; a missing operand is zero.
    pub(super) fn add(&mut self, a: Option<Value>, b: Value) -> Value {
        match a {
            Some(a) => self.ins().iadd(a, b),
            None => b,
        }
    }

    /// Calls a function of the run-time library.
    pub(super) fn call(&mut self, name: &str, args: &[Value], returns: &[Type]) -> Option<Value> {
        let function = match self.functions.get(name) {
            Some(function) => *function,
            None => {
                let params: Vec<Type> = args.iter().map(|arg| self.ty(*arg)).collect();
                let signature = signature(self.module, &params, returns);
                // A name may have the prefix of its symbol, without version.
                let symbol = symbols::name(name.strip_prefix("mt_").unwrap_or(name));
                let id = match self.module.declare_function(&symbol, Linkage::Import, &signature) {
                    Ok(id) => id,
                    Err(error) => {
                        self.fail(error);
                        return None;
                    }
                };
                let function = self.module.declare_func_in_func(id, self.cursor.func);
                self.functions.insert(name.to_owned(), function);
                function
            }
        };
        let call = self.cursor.ins().call(function, args);
        self.cursor.func.dfg.inst_results(call).first().copied()
    }

    /// A function of this module, for calls and for its address.
    pub(super) fn function(&mut self, id: FuncId) -> FuncRef {
        self.module.declare_func_in_func(id, self.cursor.func)
    }

    /// Calls a function of the run-time library and returns its status if that is not zero, else goes on.
    pub(super) fn call_checked(&mut self, name: &str, args: &[Value]) {
        if let Some(status) = self.call(name, args, &[types::I64]) {
            self.check_status(status);
        }
    }

    /// The same for a function of the kernel.
    pub(super) fn run_checked(&mut self, id: FuncId, args: &[Value]) {
        let function = self.function(id);
        let call = self.cursor.ins().call(function, args);
        if let Some(status) = self.cursor.func.dfg.inst_results(call).first().copied() {
            self.check_status(status);
        }
    }

    /// Memory on the stack, aligned for any vector.
    pub(super) fn stack(&mut self, bytes: u32) -> StackSlot {
        self.cursor.func.create_sized_stack_slot(StackSlotData::new(StackSlotKind::ExplicitSlot, bytes, 5))
    }

    /// Returns `status` if it is not zero, else goes on.
    pub(super) fn check_status(&mut self, status: Value) {
        let (failed, fine) = (self.cold_block(), self.block(&[]));
        self.branch(status, (failed, &[]), (fine, &[]));
        self.start(failed);
        self.ins().return_(&[status]);
        self.start(fine);
    }

    /// The control of the run, at whose beginning is the request to stop.
    pub(super) fn control(&mut self) -> Value {
        self.address(self.frame.sizes.len() + self.frame.buffers)
    }

    /// What the run-time library wants of whoever calls it: the threads of the run.
    pub(super) fn context(&mut self) -> Value {
        self.address(self.frame.sizes.len() + self.frame.buffers + 1)
    }

    /// Returns if the run is asked to stop. The load is atomic so that it is not taken out of a loop.
    pub(super) fn poll(&mut self) {
        let flag = self.control();
        let asked = self.ins().atomic_load(types::I8, aligned(), flag);
        let (stopped, on) = (self.cold_block(), self.block(&[]));
        self.branch(asked, (stopped, &[]), (on, &[]));
        self.start(stopped);
        let status = self.ins().iconst(types::I64, INTERRUPTED);
        self.ins().return_(&[status]);
        self.start(on);
    }

    /// Returns 0 unless the condition holds.
    pub(super) fn return_unless(&mut self, condition: Value) {
        let (done, go) = (self.cold_block(), self.block(&[]));
        self.branch(condition, (go, &[]), (done, &[]));
        self.start(done);
        let zero = self.integer(0);
        self.ins().return_(&[zero]);
        self.start(go);
    }

    /// Whether every one of the sizes is positive; `None` if that is known.
    pub(super) fn all_positive<'s>(&mut self, sizes: impl IntoIterator<Item = &'s Size>) -> Option<Value> {
        let mut all = None;
        for size in sizes {
            if size.as_const().is_some_and(|constant| constant > 0) {
                continue;
            }
            let value = self.size(size);
            let positive = self.ins().icmp_imm_s(IntCC::SignedGreaterThan, value, 0);
            all = Some(match all {
                None => positive,
                Some(all) => self.ins().band(all, positive),
            });
        }
        all
    }
}

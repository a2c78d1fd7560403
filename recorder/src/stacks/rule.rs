//! How to get from a frame to its caller: what an unwind table says of an address, in a few bytes.

use super::expression;
use super::machine::{ADDRESS_BITS, FP, HAS_LINK, RETURN, Registers, SP, Stack};
use super::unwind_table::Row;
use gimli::{CfaRule, RegisterRule};

/// What leads to the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// Nothing is said of the address.
    Uncovered,
    /// Nobody called the function.
    End,
    /// It takes a register that is not known.
    Unknown,
    /// It takes an expression, which is not remembered.
    Expressed,
    /// The usual one. The caller's stack pointer is a register and an offset; what was saved lies
    /// that far from it.
    Saved { is_from_fp: bool, is_of_signal: bool, sp: i32, ip: Option<i32>, fp: Option<i32> },
}

/// Where a step from a frame leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// To the caller, or to what was interrupted.
    To { registers: Registers, was_interrupted: bool },
    /// It was the outermost frame.
    End,
    /// To what was not copied, or cannot be told.
    Lost,
}

impl Rule {
    pub(super) fn of(row: &Row<'_>) -> Rule {
        // Only these are in the registers that are followed.
        if row.returns_by != RETURN {
            return Rule::Unknown;
        }
        let ip = match row.row.register(RETURN) {
            Some(RegisterRule::Undefined) => return Rule::End,
            None | Some(RegisterRule::SameValue) if HAS_LINK => None,
            None => return Rule::End,
            Some(RegisterRule::Offset(offset)) => match i32::try_from(offset) {
                Ok(offset) => Some(offset),
                Err(_) => return Rule::Unknown,
            },
            Some(_) => return Rule::Expressed,
        };
        let fp = match row.row.register(FP) {
            None | Some(RegisterRule::Undefined | RegisterRule::SameValue) => None,
            Some(RegisterRule::Offset(offset)) => match i32::try_from(offset) {
                Ok(offset) => Some(offset),
                Err(_) => return Rule::Unknown,
            },
            Some(_) => return Rule::Expressed,
        };
        let CfaRule::RegisterAndOffset { register, offset } = row.row.cfa() else {
            return Rule::Expressed;
        };
        let is_from_fp = *register == FP;
        match i32::try_from(*offset) {
            Ok(sp) if is_from_fp || *register == SP => {
                Rule::Saved { is_from_fp, is_of_signal: row.is_of_signal, sp, ip, fp }
            }
            _ => Rule::Unknown,
        }
    }
}

/// A step by the usual rule.
pub(super) fn saved(
    rule: (bool, i32, Option<i32>, Option<i32>),
    is_of_signal: bool,
    is_first: bool,
    from: &Registers,
    stack: &Stack<'_>,
) -> Step {
    let (is_from_fp, sp, ip, fp) = rule;
    let base = if is_from_fp { from.fp } else { from.sp };
    let Some(new_sp) = base.checked_add_signed(i64::from(sp)) else { return Step::Lost };
    let new_ip = match ip {
        Some(offset) => word_near(stack, new_sp, offset),
        // Only the innermost function has not saved it yet.
        None if is_first => Some(from.lr),
        None => return Step::End,
    };
    let new_fp = match fp {
        Some(offset) => fp_near(stack, from, new_sp, offset),
        None => Some(from.fp),
    };
    arrive(from, is_first, is_of_signal, (Some(new_sp), new_ip, new_fp))
}

/// A step by a row that holds expressions.
pub(super) fn expressed(row: &Row<'_>, from: &Registers, stack: &Stack<'_>) -> Step {
    let new_sp = match row.row.cfa() {
        CfaRule::RegisterAndOffset { register, offset } => {
            from.get(*register).and_then(|value| value.checked_add_signed(*offset))
        }
        CfaRule::Expression(expression) => expression::of_frame(row, expression, None, from, stack),
    };
    let Some(new_sp) = new_sp else { return Step::Lost };
    let value_of = |rule: RegisterRule<usize>, unchanged: u64| match rule {
        RegisterRule::SameValue | RegisterRule::Undefined => Some(unchanged),
        RegisterRule::Offset(offset) => stack.word(new_sp.checked_add_signed(offset)?),
        RegisterRule::ValOffset(offset) => new_sp.checked_add_signed(offset),
        RegisterRule::Register(register) => from.get(register),
        RegisterRule::Expression(expression) => {
            let at = expression::of_frame(row, &expression, Some(new_sp), from, stack)?;
            stack.word(at)
        }
        RegisterRule::ValExpression(expression) => {
            expression::of_frame(row, &expression, Some(new_sp), from, stack)
        }
        _ => None,
    };
    let rule = |register| row.row.register(register).unwrap_or(RegisterRule::SameValue);
    let new_ip = value_of(rule(RETURN), from.lr);
    let new_fp = value_of(rule(FP), from.fp);
    arrive(from, false, row.is_of_signal, (Some(new_sp), new_ip, new_fp))
}

/// A step along the chain of frame pointers, where nothing else is known.
pub(super) fn chained(from: &Registers, stack: &Stack<'_>) -> Step {
    if from.fp == 0 {
        return Step::End;
    }
    let new_sp = from.fp.checked_add(16);
    let new_ip = from.fp.checked_add(8).and_then(|at| stack.word(at));
    arrive(from, false, false, (new_sp, new_ip, stack.word(from.fp)))
}

/// A step out of code of Python's by which it calls itself, so that each function of a program has a
/// frame of its own. It keeps one word: nothing, or from 3.14 on the frame pointer of its caller.
pub(super) fn trampolined(from: &Registers, stack: &Stack<'_>) -> Step {
    if HAS_LINK {
        return chained(from, stack);
    }
    let fp = if from.fp == from.sp { stack.word(from.sp) } else { Some(from.fp) };
    let ip = from.sp.checked_add(8).and_then(|at| stack.word(at));
    arrive(from, false, false, (from.sp.checked_add(16), ip, fp))
}

/// A step out of a function that has not pushed anything yet.
pub(super) fn returned(from: &Registers, stack: &Stack<'_>) -> Step {
    let fp = Some(from.fp);
    match HAS_LINK {
        true => arrive(from, true, false, (Some(from.sp), Some(from.lr), fp)),
        false => arrive(from, true, false, (from.sp.checked_add(8), stack.word(from.sp), fp)),
    }
}

fn word_near(stack: &Stack<'_>, base: u64, offset: i32) -> Option<u64> {
    stack.word(base.checked_add_signed(i64::from(offset))?)
}

/// Behind the end of a function its table may still say where it had saved the register, which is
/// below the stack pointer then: the register has its value again.
fn fp_near(stack: &Stack<'_>, from: &Registers, base: u64, offset: i32) -> Option<u64> {
    let at = base.checked_add_signed(i64::from(offset))?;
    if at < from.sp { Some(from.fp) } else { stack.word(at) }
}

/// A stack grows downwards: what leads elsewhere than up is not believed, so that every walk ends.
fn arrive(
    from: &Registers,
    may_stay: bool,
    was_interrupted: bool,
    (sp, ip, fp): (Option<u64>, Option<u64>, Option<u64>),
) -> Step {
    let (Some(sp), Some(ip), Some(fp)) = (sp, ip, fp) else { return Step::Lost };
    let ip = ip & ADDRESS_BITS;
    if ip == 0 {
        return Step::End;
    }
    let rises = sp > from.sp || (HAS_LINK && may_stay && sp == from.sp);
    match rises {
        true => Step::To { registers: Registers { ip, sp, fp, lr: 0 }, was_interrupted },
        false => Step::Lost,
    }
}

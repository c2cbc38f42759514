//! The `kernel!` macro: a formula becomes a function that runs it as one pass over memory.

/// Defines a function that runs a formula over whole tensors, element by element, in one pass over memory.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use moths_core::{CowTensor, Key, kernel};
///
/// kernel! {
///     /// `v = w v + c r (best - x)`, `x = x + v`.
///     fn fly(v: inout, x: inout, best: mat, w: num, c: num, r: uniform) {
///         let nv = w * v + c * r * (best - x);
///         v = nv;
///         x = x + nv;
///     }
/// }
///
/// let best = Tensor::ones((10, 3), candle_core::DType::F32, &Device::Cpu)?;
/// let mut v = CowTensor::new(best.zeros_like()?);
/// let mut x = CowTensor::new(best.zeros_like()?);
/// fly(&mut v, &mut x, &best, 0.7, 1.5, Key::new(1))?;
/// # Ok::<(), moths_core::Error>(())
/// ```
///
/// # Parameters
///
/// | kind | argument | in the formula |
/// |---|---|---|
/// | `inout` | `&mut CowTensor` | read and assigned |
/// | `out` | `&mut CowTensor` | assigned, on every path; its old values are not read from memory |
/// | `mat` | `&Tensor` of the grid's shape | read |
/// | `sum` | [`&Gradient`](crate::noise::Gradient) of the grid's length, at most one | read: its numbers, or noise that is drawn and added up here |
/// | `row` | `&Tensor`, `[d]` or `[1, d]` | read, the same in every row |
/// | `col` | `&Tensor`, `[n]` or `[n, 1]` | read, the same in every column |
/// | `num` | `f64` | read, rounded to the tensors' precision |
/// | `uniform` | [`Key`](crate::rng::Key) | noise on [0, 1), its own value for each element |
/// | `normal` | [`Key`](crate::rng::Key) | standard normal noise |
/// | `sign` | [`Key`](crate::rng::Key) | noise, -1 or +1 |
///
/// The first written tensor is the grid, `[n, d]` or `[d]` (one row); at most 4 tensors are written and 8 read. All tensors
/// have its dtype, f32 or f64. Element `i` of the flattened grid sees element `i` of the noise, whatever the number of
/// threads or the instruction set; equal arguments give equal bits.
///
/// # Errors
///
/// The function returns [`Error::Shape`](crate::Error::Shape), [`Error::Invalid`](crate::Error::Invalid) (dtype, device) or
/// [`Error::Unsupported`](crate::Error::Unsupported) (aliasing) naming kernel and parameter, and has changed nothing
/// then. A written tensor may not also be read, nor written under two names; a snapshot of it (a clone of the
/// [`CowTensor`](crate::tensor::CowTensor)) may.
///
/// # The formula
///
/// `let`, assignments, `+ - * /`, comparisons, decimal numbers and the functions of [`fuse::words`](crate::fuse::words): the
/// part of Rust that is also C. There is no `if`: write `select(x > 0.0, a, b)`. Nothing is contracted, re-associated or approximated: the result is that
/// of the formula evaluated in the tensors' precision as it stands.
///
/// ```compile_fail
/// moths_core::kernel! { fn wrong(x: inout) { x = x.sqrt(); } } // kernel!: no methods or fields; write `sqrt(x)`
/// ```
/// ```compile_fail
/// moths_core::kernel! { fn wrong(x: inout, y: tensor) { x = x + y; } } // kernel!: unknown parameter kind `tensor`
/// ```
/// ```compile_fail
/// moths_core::kernel! { fn wrong(x: inout, y: mat) { y = x; } } // cannot assign twice to immutable variable `y`
/// ```
/// ```compile_fail
/// moths_core::kernel! { fn wrong(x: out, y: mat) { let z = y; } } // used binding `x` isn't initialized
/// ```
#[macro_export]
macro_rules! kernel {
    ($(#[$attribute:meta])* $vis:vis fn $name:ident($($p:ident: $kind:ident),* $(,)?) { $($formula:tt)* }) => {
        $(#[$attribute])*
        // A formula is written as the paper writes it, and has as many symbols as it has.
        #[allow(
            clippy::too_many_arguments, clippy::assign_op_pattern, clippy::manual_swap, clippy::needless_late_init,
            clippy::needless_lifetimes
        )]
        $vis fn $name($($p: $crate::__kernel!(argument $kind)),*) -> $crate::Result<()> {
            const _: () = $crate::fuse::__private::check::parameters(&[$(stringify!($kind)),*]);
            const _: () = $crate::fuse::__private::check::body(stringify!($($formula)*));
            const FORMULA: &$crate::fuse::__private::Formula = &$crate::fuse::__private::Formula {
                name: stringify!($name),
                module: module_path!(),
                parameters: &[$((stringify!($p), $crate::__kernel!(kind $kind))),*],
                body: stringify!($($formula)*),
                apply: |arguments| {
                    let [$($p),*] = arguments else {
                        let count = [$(stringify!($p)),*].len();
                        return Err($crate::fuse::__private::Formula::miscalled(stringify!($name), count, arguments.len()));
                    };
                    $name($($crate::__kernel!(given $kind $p)),*)
                },
            };
            $crate::fuse::__private::inventory::submit! { $crate::fuse::__private::Listed(FORMULA) }
            $crate::kernel!(@loop run_f32 f32 [$($p $kind)*] { $($formula)* });
            $crate::kernel!(@loop run_f64 f64 [$($p $kind)*] { $($formula)* });
            $($crate::__kernel!(open $kind $p);)*
            let mut call = $crate::fuse::__private::Call::of(FORMULA);
            $($crate::__kernel!(collect $kind $p call);)*
            call.run(&$crate::fuse::ByType::new(
                |piece| $crate::kernel!(@start run_f32 piece [$($p $kind)*]),
                |piece| $crate::kernel!(@start run_f64 piece [$($p $kind)*]),
            ))
        }
    };

    // A piece's slices dealt out to the parameters, in their order.
    (@start $run:ident $piece:ident [$($p:ident $kind:ident)*]) => {{
        let mut written = $piece.written.into_iter();
        #[allow(unused_mut, unused_variables)]
        let mut read = $piece.read.iter().copied();
        $($crate::__kernel!(source $kind $p written read);)*
        $run($($p,)* $piece.span)
    }};

    // The loop for one type. `lanes` takes its blocks as separate arguments because that is how the compiler knows that
    // they do not overlap; `Blocks` then holds them under names that the elements do not hide. Nothing large may be
    // handed into the loop as a function value: it would be compiled for the oldest instruction set, silently.
    (@loop $run:ident $T:ident [$($p:ident $kind:ident)*] { $($formula:tt)* }) => {
        #[$crate::fuse::__private::multiversion::multiversion(targets(
            "x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2",
            "x86_64+avx2"
        ))]
        fn $run($($p: $crate::__kernel!(source_type $kind $T),)* span: $crate::fuse::__private::cursor::Span) {
            struct Blocks<'b> {
                $($p: $crate::__kernel!(block_type $kind 'b $T),)*
            }
            #[inline(always)]
            fn lanes<'b>($($p: $crate::__kernel!(block_type $kind 'b $T)),*) {
                #[allow(unused_imports)]
                use $crate::fuse::words::*;
                let blocks = Blocks { $($p),* };
                for i in 0..$crate::rng::BLOCK {
                    $($crate::__kernel!(load $kind $p blocks i);)*
                    $($formula)*
                    $($crate::__kernel!(store $kind $p blocks i);)*
                }
            }
            $(let mut $p = <$crate::__kernel!(cursor_type $kind $T)>::open($p, span);)*
            let mut k = 0;
            while k < span.len {
                lanes($($p.block(k)),*);
                k += $crate::rng::BLOCK;
            }
            $($crate::__kernel!(close $kind $p);)*
        }
    };
}

/// What each kind of parameter is at each stage of [`kernel!`](crate::kernel!).
#[doc(hidden)]
#[macro_export]
macro_rules! __kernel {
    // the function's argument
    (argument inout) => { &mut $crate::tensor::CowTensor };
    (argument out) => { &mut $crate::tensor::CowTensor };
    (argument mat) => { &$crate::fuse::__private::Tensor };
    (argument sum) => { &dyn $crate::fuse::Summed };
    (argument row) => { &$crate::fuse::__private::Tensor };
    (argument col) => { &$crate::fuse::__private::Tensor };
    (argument num) => { f64 };
    (argument uniform) => { $crate::rng::Key };
    (argument normal) => { $crate::rng::Key };
    (argument sign) => { $crate::rng::Key };
    (argument $kind:ident) => {
        compile_error!(concat!(
            "kernel!: unknown parameter kind `", stringify!($kind),
            "`; the kinds are inout out mat sum row col num uniform normal sign"
        ))
    };

    // as text
    (kind inout) => { $crate::fuse::__private::Kind::InOut };
    (kind out) => { $crate::fuse::__private::Kind::Out };
    (kind mat) => { $crate::fuse::__private::Kind::Mat };
    (kind sum) => { $crate::fuse::__private::Kind::Sum };
    (kind row) => { $crate::fuse::__private::Kind::Row };
    (kind col) => { $crate::fuse::__private::Kind::Col };
    (kind num) => { $crate::fuse::__private::Kind::Num };
    (kind uniform) => { $crate::fuse::__private::Kind::Uniform };
    (kind normal) => { $crate::fuse::__private::Kind::Normal };
    (kind $kind:ident) => { $crate::fuse::__private::Kind::Sign };

    // from a list of arguments
    (given inout $p:ident) => { $p.tensor()? };
    (given out $p:ident) => { $p.tensor()? };
    (given sum $p:ident) => { $p.tensor()? };
    (given mat $p:ident) => { &**$p.tensor()? };
    (given row $p:ident) => { &**$p.tensor()? };
    (given col $p:ident) => { &**$p.tensor()? };
    (given num $p:ident) => { $p.number()? };
    (given $kind:ident $p:ident) => { $p.key()? };

    // made ready
    (open sum $p:ident) => { let $p = $p.open(); };
    (open $kind:ident $p:ident) => {};

    // entered into the call
    (collect inout $p:ident $call:ident) => { $call.inout(stringify!($p), $p); };
    (collect out $p:ident $call:ident) => { $call.out(stringify!($p), $p); };
    (collect mat $p:ident $call:ident) => { $call.mat(stringify!($p), $p); };
    (collect sum $p:ident $call:ident) => { $call.sum(stringify!($p), &$p); };
    (collect row $p:ident $call:ident) => { $call.row(stringify!($p), $p); };
    (collect col $p:ident $call:ident) => { $call.col(stringify!($p), $p); };
    (collect num $p:ident $call:ident) => { $call.number($p); };
    (collect $kind:ident $p:ident $call:ident) => { $call.key($p); };

    // what the loop starts from
    (source inout $p:ident $written:ident $read:ident) => { let $p = $written.next().unwrap_or_default(); };
    (source out $p:ident $written:ident $read:ident) => { let $p = $written.next().unwrap_or_default(); };
    (source mat $p:ident $written:ident $read:ident) => { let $p = $read.next().unwrap_or_default(); };
    (source sum $p:ident $written:ident $read:ident) => { let $p = $read.next().unwrap_or_default(); };
    (source row $p:ident $written:ident $read:ident) => { let $p = $read.next().unwrap_or_default(); };
    (source col $p:ident $written:ident $read:ident) => { let $p = $read.next().unwrap_or_default(); };
    (source $kind:ident $p:ident $written:ident $read:ident) => {};
    (source_type inout $T:ident) => { &mut [$T] };
    (source_type out $T:ident) => { &mut [$T] };
    (source_type mat $T:ident) => { &[$T] };
    (source_type sum $T:ident) => { &[$T] };
    (source_type row $T:ident) => { &[$T] };
    (source_type col $T:ident) => { &[$T] };
    (source_type num $T:ident) => { f64 };
    (source_type $kind:ident $T:ident) => { $crate::rng::Key };

    // what hands out its blocks
    (cursor_type inout $T:ident) => { $crate::fuse::__private::cursor::InOut<'_, $T> };
    (cursor_type out $T:ident) => { $crate::fuse::__private::cursor::Out<'_, $T> };
    (cursor_type mat $T:ident) => { $crate::fuse::__private::cursor::Mat<'_, $T> };
    (cursor_type sum $T:ident) => { $crate::fuse::__private::cursor::Sum<'_, $T> };
    (cursor_type row $T:ident) => { $crate::fuse::__private::cursor::Row<'_, $T> };
    (cursor_type col $T:ident) => { $crate::fuse::__private::cursor::Col<'_, $T> };
    (cursor_type num $T:ident) => { $crate::fuse::__private::cursor::Num<$T> };
    (cursor_type uniform $T:ident) => { $crate::fuse::__private::cursor::Uniform<$T> };
    (cursor_type normal $T:ident) => { $crate::fuse::__private::cursor::Normal<$T> };
    (cursor_type $kind:ident $T:ident) => { $crate::fuse::__private::cursor::Sign<$T> };
    (close inout $p:ident) => { $p.close(); };
    (close out $p:ident) => { $p.close(); };
    (close $kind:ident $p:ident) => {};

    // one block
    (block_type inout $b:lifetime $T:ident) => { &$b mut [$T; $crate::rng::BLOCK] };
    (block_type out $b:lifetime $T:ident) => { &$b mut [$T; $crate::rng::BLOCK] };
    (block_type num $b:lifetime $T:ident) => { $T };
    (block_type $kind:ident $b:lifetime $T:ident) => { &$b [$T; $crate::rng::BLOCK] };

    // one element
    (load inout $p:ident $blocks:ident $i:ident) => { let mut $p = $blocks.$p[$i]; };
    (load out $p:ident $blocks:ident $i:ident) => { let $p; };
    (load num $p:ident $blocks:ident $i:ident) => { let $p = $blocks.$p; };
    (load $kind:ident $p:ident $blocks:ident $i:ident) => { let $p = $blocks.$p[$i]; };
    (store inout $p:ident $blocks:ident $i:ident) => { $blocks.$p[$i] = $p; };
    (store out $p:ident $blocks:ident $i:ident) => { $blocks.$p[$i] = $p; };
    (store $kind:ident $p:ident $blocks:ident $i:ident) => {};
}

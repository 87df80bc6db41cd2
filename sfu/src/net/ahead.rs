//! Memory that is asked for ahead of its use, so that whoever works through many receivers need not wait for each.

/// Asks the processor to fetch `value`, all of its cache lines but what it points to. Costs an instruction a line and changes
/// nothing; on other processors than x86-64 it does nothing.
#[inline]
pub fn fetch<T>(value: &T) {
    fetch_bytes(std::ptr::from_ref(value).cast(), size_of::<T>());
}

/// As [`fetch`], for all elements of a slice.
#[inline]
pub fn fetch_all<T>(values: &[T]) {
    fetch_bytes(values.as_ptr().cast(), size_of_val(values));
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn fetch_bytes(start: *const i8, length: usize) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    for offset in (0..length).step_by(LINE) {
        #[expect(unsafe_code, reason = "std has no safe way to ask for a fetch")]
        // SAFETY: a prefetch reads nothing and faults never, whatever the address; this one lies in a value that is borrowed.
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(start.wrapping_add(offset));
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn fetch_bytes(_start: *const i8, _length: usize) {}

/// Bytes of a cache line on every x86-64 processor.
#[cfg(target_arch = "x86_64")]
const LINE: usize = 64;

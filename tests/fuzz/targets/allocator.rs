#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tests::check::allocator::check_allocator(data));

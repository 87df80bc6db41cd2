#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tests::check::estimator::check_estimator(data));

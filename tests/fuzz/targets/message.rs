#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tests::check::message::check_message(data));

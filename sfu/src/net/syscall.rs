//! Linux calls that neither std nor `socket2` offers, each as a safe function: `recvmmsg`, `sendmmsg`, `epoll`,
//! `eventfd`. All `unsafe` of the crate is here.
//!
//! `rustix` and `nix` are left out on purpose: neither can give each message of one `sendmmsg` its own control data.

#![expect(
    unsafe_code,
    reason = "the kernel reads and writes memory through pointers; this file is where that is argued"
)]

use std::io;
use std::mem::{size_of, zeroed};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr::{from_ref, null, null_mut};
use std::time::Duration;

use arrayvec::ArrayVec;

use super::batch::{Buffer, Run};

/// Messages of one call. The call itself costs 0.1 µs, shared by this many; more would only make the arrays on the
/// stack larger (they are cleared each time).
pub(super) const MESSAGES: usize = 64;

/// A message that [`receive`] put into a buffer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message {
    /// Who sent it; `None` where the kernel named no IP address.
    pub(super) remote: Option<SocketAddr>,
    /// Bytes in the buffer, at most its size.
    pub(super) length: usize,
    /// Whether it was longer than the buffer.
    pub(super) truncated: bool,
    /// How long each datagram of a run is, but the last, which may be shorter; `None` for a single one.
    pub(super) segment: Option<usize>,
    /// When it arrived, since 1970, if the kernel stamped it.
    pub(super) stamp: Option<Duration>,
    /// Its TOS or traffic class byte (RFC 3168, section 5), 0 if unknown.
    pub(super) traffic_class: u8,
}

/// Receives what is there into `buffers`, one datagram or run each, at most [`MESSAGES`]; the socket must be non-blocking.
///
/// # Errors
/// What `recvmmsg` says: `WouldBlock` where nothing is there, and whatever error is pending on the socket.
pub(super) fn receive(
    socket: BorrowedFd<'_>,
    buffers: &mut [Buffer],
) -> io::Result<ArrayVec<Message, MESSAGES>> {
    let count = buffers.len().min(MESSAGES);
    let mut names = [Name::EMPTY; MESSAGES];
    let mut controls = [Control::EMPTY; MESSAGES];
    // SAFETY: iovec and mmsghdr are plain data of the kernel's interface; all bits zero means null pointers of length 0.
    let (mut vectors, mut headers): ([libc::iovec; MESSAGES], [libc::mmsghdr; MESSAGES]) =
        unsafe { (zeroed(), zeroed()) };
    let places = headers.iter_mut().zip(&mut vectors).zip(&mut names).zip(&mut controls);
    for ((((header, vector), name), control), buffer) in places.zip(buffers) {
        vector.iov_base = buffer.as_mut_ptr().cast();
        vector.iov_len = buffer.len();
        header.msg_hdr.msg_iov = vector;
        header.msg_hdr.msg_iovlen = 1;
        header.msg_hdr.msg_name = (&raw mut *name).cast();
        header.msg_hdr.msg_namelen = length_of::<Name>();
        header.msg_hdr.msg_control = (&raw mut *control).cast();
        header.msg_hdr.msg_controllen = size_of::<Control>() as _;
    }
    // SAFETY: the first `count` headers were filled above: `count` is the shorter of `headers` and `buffers`, and zip
    // ends with the shortest. Each points to one iovec, one name and one control buffer with their true sizes; these,
    // and the buffers behind the iovecs, live until after the call, are exclusively ours, and no two headers share one.
    // A null timeout is allowed.
    let filled = unsafe {
        libc::recvmmsg(socket.as_raw_fd(), headers.as_mut_ptr(), count_of(count), 0, null_mut())
    };
    let filled = usize::try_from(filled).map_err(|_| io::Error::last_os_error())?;
    let received = headers.iter().zip(&names).take(filled.min(count));
    Ok(received.map(|(header, name)| message_of(header, name)).collect())
}

fn message_of(header: &libc::mmsghdr, name: &Name) -> Message {
    let length = usize::try_from(header.msg_len).unwrap_or(usize::MAX).min(size_of::<Buffer>());
    let truncated = header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0;
    let remote = name.address();
    let mut message =
        Message { remote, length, truncated, segment: None, stamp: None, traffic_class: 0 };
    // SAFETY: msg_control and msg_controllen describe a `Control` of the caller (alive, aligned for cmsghdr), of which
    // the kernel wrote msg_controllen bytes and left well-formed headers.
    let mut control = unsafe { libc::CMSG_FIRSTHDR(&raw const header.msg_hdr) };
    while !control.is_null() {
        // SAFETY: CMSG_FIRSTHDR and CMSG_NXTHDR return null or a whole header within the control buffer.
        let (level, kind, length) =
            unsafe { ((*control).cmsg_level, (*control).cmsg_type, (*control).cmsg_len as usize) };
        match (level, kind) {
            (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) => {
                // SAFETY: `control` is a whole header of a message of `length` bytes within the buffer.
                let stamp = unsafe { payload::<libc::timespec>(control, length) };
                message.stamp = stamp.and_then(duration_of);
            }
            (libc::IPPROTO_IP, libc::IP_TOS) => {
                // SAFETY: as above. The kernel writes one byte.
                message.traffic_class = unsafe { payload::<u8>(control, length) }.unwrap_or(0);
            }
            (libc::IPPROTO_IPV6, libc::IPV6_TCLASS) => {
                // SAFETY: as above. The kernel writes an int.
                let class = unsafe { payload::<libc::c_int>(control, length) };
                message.traffic_class =
                    class.and_then(|class| u8::try_from(class).ok()).unwrap_or(0);
            }
            (libc::SOL_UDP, libc::UDP_GRO) => {
                // SAFETY: as above. The kernel writes an int.
                let segment = unsafe { payload::<libc::c_int>(control, length) };
                message.segment = segment.and_then(|segment| usize::try_from(segment).ok());
            }
            _ => {}
        }
        // SAFETY: `control` came from this message's CMSG_FIRSTHDR or CMSG_NXTHDR.
        control = unsafe { libc::CMSG_NXTHDR(&raw const header.msg_hdr, control) };
    }
    message
}

/// Reads a `T` behind a control header; `None` where the message is too short for one.
///
/// # Safety
/// `control` points to a control message of which `length` bytes may be read, and any bits are a valid `T`.
unsafe fn payload<T: Copy>(control: *const libc::cmsghdr, length: usize) -> Option<T> {
    // SAFETY: CMSG_LEN only computes; CMSG_DATA points behind the header, where `length` leaves room for a `T`,
    // which may lie unaligned.
    unsafe {
        let needed = libc::CMSG_LEN(length_of::<T>()) as usize;
        (length >= needed).then(|| libc::CMSG_DATA(control).cast::<T>().read_unaligned())
    }
}

fn duration_of(time: libc::timespec) -> Option<Duration> {
    let seconds = u64::try_from(time.tv_sec).ok()?;
    let nanos = u32::try_from(time.tv_nsec).ok().filter(|&nanos| nanos < 1_000_000_000)?;
    Some(Duration::new(seconds, nanos))
}

/// Sends `runs`, in order, in one call; returns how many the kernel took, which may be fewer than there are.
///
/// # Errors
/// What `sendmmsg` says about the first run; an error of a later one shows at the next call.
pub(super) fn send(
    socket: BorrowedFd<'_>,
    runs: &ArrayVec<Run<'_>, MESSAGES>,
) -> io::Result<usize> {
    let mut names = [Name::EMPTY; MESSAGES];
    let mut segments = [Segment::EMPTY; MESSAGES];
    // SAFETY: as in `receive`: plain data, all bits zero.
    let (mut vectors, mut headers): ([libc::iovec; MESSAGES], [libc::mmsghdr; MESSAGES]) =
        unsafe { (zeroed(), zeroed()) };
    let places = headers.iter_mut().zip(&mut vectors).zip(&mut names).zip(&mut segments);
    for ((((header, vector), name), segment), run) in places.zip(runs) {
        let length;
        (*name, length) = Name::of(run.remote);
        vector.iov_base = run.data.as_ptr().cast_mut().cast();
        vector.iov_len = run.data.len();
        header.msg_hdr.msg_iov = vector;
        header.msg_hdr.msg_iovlen = 1;
        header.msg_hdr.msg_name = (&raw mut *name).cast();
        header.msg_hdr.msg_namelen = length;
        if run.count > 1 {
            *segment = Segment::of(run.segment);
            header.msg_hdr.msg_control = (&raw mut *segment).cast();
            header.msg_hdr.msg_controllen = size_of::<Segment>() as _;
        }
    }
    // SAFETY: as many headers as there are runs (at most MESSAGES, by their type) were filled above; each points to one
    // iovec, one name and at most one control message of its own with their true sizes, alive until after the call. The
    // kernel writes msg_len into the headers, which are ours, and only reads what they point to.
    let taken = unsafe {
        libc::sendmmsg(socket.as_raw_fd(), headers.as_mut_ptr(), count_of(runs.len()), 0)
    };
    usize::try_from(taken).map_err(|_| io::Error::last_os_error())
}

/// Switches on a socket option that is an int: 1.
///
/// # Errors
/// What `setsockopt` says.
pub(super) fn enable(
    socket: BorrowedFd<'_>,
    level: libc::c_int,
    option: libc::c_int,
) -> io::Result<()> {
    let on: libc::c_int = 1;
    // SAFETY: the value is an int that lives until after the call, given with its size. An option that is not an int
    // is refused by the kernel, which reads no more than that size.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            from_ref(&on).cast(),
            length_of::<libc::c_int>(),
        )
    };
    checked(result).map(drop)
}

/// Bytes written to a TCP socket of which nothing has left yet.
///
/// # Errors
/// What `ioctl` says: a socket that has no connection.
pub(super) fn unsent(socket: BorrowedFd<'_>) -> io::Result<u64> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: SIOCOUTQNSD writes one int, to one that lives until after the call.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), SIOCOUTQNSD, &raw mut bytes) };
    checked(result)?;
    Ok(u64::try_from(bytes).unwrap_or(0))
}

/// Makes an epoll instance.
///
/// # Errors
/// What `epoll_create1` says: too many open files, usually.
pub(super) fn epoll_create() -> io::Result<OwnedFd> {
    // SAFETY: no pointers.
    let descriptor = checked(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
    // SAFETY: it was just made, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// Makes a non-blocking eventfd.
///
/// # Errors
/// What `eventfd` says: too many open files, usually.
pub(super) fn eventfd() -> io::Result<OwnedFd> {
    // SAFETY: no pointers.
    let descriptor = checked(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })?;
    // SAFETY: it was just made, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// Adds (`EPOLL_CTL_ADD`) or changes (`EPOLL_CTL_MOD`) what `epoll` watches of `watched`.
///
/// # Errors
/// What `epoll_ctl` says.
pub(super) fn epoll_control(
    epoll: BorrowedFd<'_>,
    operation: libc::c_int,
    watched: BorrowedFd<'_>,
    mut event: libc::epoll_event,
) -> io::Result<()> {
    // SAFETY: `event` is a whole epoll_event that lives until after the call; both descriptors are open, being borrowed.
    let result = unsafe {
        libc::epoll_ctl(epoll.as_raw_fd(), operation, watched.as_raw_fd(), &raw mut event)
    };
    checked(result).map(drop)
}

/// Waits for events, for ever if `timeout` is `None`; returns how many of `events` were written.
///
/// # Errors
/// `Unsupported` or `PermissionDenied` where the kernel (before 5.11) or a seccomp filter does not know the call;
/// `Interrupted`.
pub(super) fn epoll_wait_precise(
    epoll: BorrowedFd<'_>,
    events: &mut [libc::epoll_event],
    timeout: Option<Duration>,
) -> io::Result<usize> {
    let time = timeout.map(|timeout| KernelTime {
        seconds: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
        nanos: i64::from(timeout.subsec_nanos()),
    });
    let room = libc::c_int::try_from(events.len()).unwrap_or(libc::c_int::MAX);
    // SAFETY: `events` has room for `room` events; the time is null or a whole `__kernel_timespec` that lives until
    // after the call; the signal mask is null. All arguments have the width of a register. The C library's own wrapper
    // is left out because glibc before 2.35 has none.
    let written = unsafe {
        libc::syscall(
            libc::SYS_epoll_pwait2,
            epoll.as_raw_fd(),
            events.as_mut_ptr(),
            room,
            time.as_ref().map_or(null(), from_ref),
            null::<libc::sigset_t>(),
            0_usize,
        )
    };
    usize::try_from(written).map_err(|_| io::Error::last_os_error())
}

/// As [`epoll_wait_precise`], with the timeout rounded up to milliseconds.
///
/// # Errors
/// `Interrupted`.
pub(super) fn epoll_wait_coarse(
    epoll: BorrowedFd<'_>,
    events: &mut [libc::epoll_event],
    timeout: Option<Duration>,
) -> io::Result<usize> {
    let milliseconds = timeout.map_or(-1, |timeout| {
        libc::c_int::try_from(timeout.as_nanos().div_ceil(1_000_000)).unwrap_or(libc::c_int::MAX)
    });
    let room = libc::c_int::try_from(events.len()).unwrap_or(libc::c_int::MAX);
    // SAFETY: `events` has room for `room` events.
    let written =
        unsafe { libc::epoll_wait(epoll.as_raw_fd(), events.as_mut_ptr(), room, milliseconds) };
    usize::try_from(written).map_err(|_| io::Error::last_os_error())
}

fn checked(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// `__kernel_timespec`: 64 bits each, on every machine.
#[repr(C)]
struct KernelTime {
    seconds: i64,
    nanos: i64,
}

/// Room for an IPv4 or IPv6 address. Any bits are a valid value of either.
#[derive(Clone, Copy)]
#[repr(C)]
union Name {
    family: libc::sa_family_t,
    v4: libc::sockaddr_in,
    v6: libc::sockaddr_in6,
}

impl Name {
    // SAFETY: a sockaddr_in6 is plain integers.
    const EMPTY: Self = Self { v6: unsafe { zeroed() } };

    /// The kernel's form of an address, and its length.
    fn of(address: SocketAddr) -> (Self, libc::socklen_t) {
        let mut name = Self::EMPTY;
        match address {
            SocketAddr::V4(address) => {
                name.v4 = libc::sockaddr_in {
                    sin_family: AF_INET,
                    sin_port: address.port().to_be(),
                    sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(address.ip().octets()) },
                    sin_zero: [0; 8],
                };
                (name, length_of::<libc::sockaddr_in>())
            }
            SocketAddr::V6(address) => {
                name.v6 = libc::sockaddr_in6 {
                    sin6_family: AF_INET6,
                    sin6_port: address.port().to_be(),
                    sin6_flowinfo: 0,
                    sin6_addr: libc::in6_addr { s6_addr: address.ip().octets() },
                    sin6_scope_id: address.scope_id(),
                };
                (name, length_of::<libc::sockaddr_in6>())
            }
        }
    }

    /// The address; its flow label is left out, so that equal peers have equal addresses.
    fn address(&self) -> Option<SocketAddr> {
        // SAFETY: `family` is the first field of both addresses, and any bits are valid integers.
        match unsafe { self.family } {
            AF_INET => {
                // SAFETY: plain integers; a shorter address than this leaves the zeros of EMPTY.
                let name = unsafe { self.v4 };
                let ip = Ipv4Addr::from(name.sin_addr.s_addr.to_ne_bytes());
                Some(SocketAddrV4::new(ip, u16::from_be(name.sin_port)).into())
            }
            AF_INET6 => {
                // SAFETY: as above.
                let name = unsafe { self.v6 };
                let ip = Ipv6Addr::from(name.sin6_addr.s6_addr);
                Some(
                    SocketAddrV6::new(ip, u16::from_be(name.sin6_port), 0, name.sin6_scope_id)
                        .into(),
                )
            }
            _ => None,
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "2 and 10")]
const AF_INET: libc::sa_family_t = libc::AF_INET as libc::sa_family_t;
#[expect(clippy::cast_possible_truncation, reason = "2 and 10")]
const AF_INET6: libc::sa_family_t = libc::AF_INET6 as libc::sa_family_t;

/// The control message that tells the kernel how long the datagrams of a run are.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Segment {
    header: libc::cmsghdr,
    length: u16,
}

impl Segment {
    // SAFETY: plain integers.
    const EMPTY: Self = unsafe { zeroed() };

    fn of(length: usize) -> Self {
        let mut segment = Self::EMPTY;
        // SAFETY: CMSG_LEN only computes.
        segment.header.cmsg_len = unsafe { libc::CMSG_LEN(length_of::<u16>()) } as _;
        segment.header.cmsg_level = libc::SOL_UDP;
        segment.header.cmsg_type = libc::UDP_SEGMENT;
        segment.length = u16::try_from(length).unwrap_or(u16::MAX);
        segment
    }
}

/// Room for the control messages of a datagram: a time stamp, a traffic class and the length of a run's parts.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Control([u8; CONTROL_BYTES]);

impl Control {
    const EMPTY: Self = Self([0; CONTROL_BYTES]);
}

/// From include/uapi/linux/sockios.h; `libc` lacks it.
const SIOCOUTQNSD: libc::Ioctl = 0x894b;

/// 80 bytes are needed on 64-bit machines, less on others.
const CONTROL_BYTES: usize = 96;

const _: () = {
    // SAFETY: CMSG_SPACE only computes.
    let needed = unsafe {
        libc::CMSG_SPACE(length_of::<libc::timespec>())
            + 2 * libc::CMSG_SPACE(length_of::<libc::c_int>())
    };
    assert!(needed as usize <= CONTROL_BYTES);
    assert!(align_of::<libc::cmsghdr>() <= align_of::<Control>());
    // A cmsghdr, its payload right behind it, and what aligns the next: as `cmsg(3)` lays them out.
    // SAFETY: CMSG_LEN and CMSG_SPACE only compute.
    let (before, whole) = unsafe { (libc::CMSG_LEN(0), libc::CMSG_SPACE(length_of::<u16>())) };
    assert!(std::mem::offset_of!(Segment, length) == before as usize);
    assert!(size_of::<Segment>() == whole as usize);
};

#[expect(
    clippy::cast_possible_truncation,
    reason = "the kernel's structures are a few dozen bytes long"
)]
const fn length_of<T>() -> libc::socklen_t {
    size_of::<T>() as libc::socklen_t
}

#[expect(clippy::cast_possible_truncation, reason = "callers count to MESSAGES at most")]
const fn count_of(messages: usize) -> libc::c_uint {
    messages as libc::c_uint
}

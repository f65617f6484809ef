//! Who wants to know when a call is done: a doubly linked list through nodes that the waiters own.
//!
//! Everything here happens under the lock for the call's address. The list's last link says whose call it is.

use core::{cell::Cell, marker::PhantomPinned, ptr::NonNull, task::Waker};

#[cfg(feature = "alloc")]
use super::header::Raw;
#[cfg(feature = "alloc")]
use crate::future::ErrorHook;
use crate::platform::Owner;
#[cfg(feature = "alloc")]
use alloc::boxed::Box;

const OWNER: usize = 1;
const HOOK: usize = 2;
const TAG: usize = 3;

/// A link of the list: to a node, or the end of it with what the end carries.
#[derive(Clone, Copy)]
pub(crate) struct Link(*mut ());

/// A [`Link`], read.
pub(crate) enum Target {
    Node(NonNull<Node>),
    End,
}

impl Link {
    pub(crate) const END: Self = Self(core::ptr::null_mut());

    pub(crate) fn owner(owner: Option<NonNull<Owner>>) -> Self {
        Self(owner.map_or(core::ptr::null_mut(), |owner| {
            owner
                .as_ptr()
                .cast::<()>()
                .map_addr(|address| address | OWNER)
        }))
    }

    /// An end that keeps an error hook: made by [`Shared::into_raw`](crate::sync::Shared::into_raw).
    #[cfg(feature = "alloc")]
    pub(crate) fn hook(hook: NonNull<()>) -> Self {
        Self(hook.as_ptr().map_addr(|address| address | HOOK))
    }

    fn node(node: NonNull<Node>) -> Self {
        Self(node.as_ptr().cast())
    }

    pub(crate) fn target(self) -> Target {
        match NonNull::new(self.0.cast::<Node>()) {
            Some(node) if self.0.addr() & TAG == 0 => Target::Node(node),
            _ => Target::End,
        }
    }

    /// The owner in this end.
    pub(crate) fn end_owner(self) -> Option<NonNull<Owner>> {
        (self.0.addr() & TAG == OWNER)
            .then(|| NonNull::new(self.0.map_addr(|address| address & !TAG).cast()))
            .flatten()
    }

    /// The error hook in this end.
    pub(crate) fn end_hook(self) -> Option<NonNull<()>> {
        (self.0.addr() & TAG == HOOK)
            .then(|| NonNull::new(self.0.map_addr(|address| address & !TAG)))
            .flatten()
    }
}

/// A callback, with its call on its way.
#[cfg(feature = "alloc")]
pub(crate) type Callback = Box<dyn FnOnce(Raw) + Send>;

/// What a node wants.
pub(crate) enum Role {
    /// Wake when done.
    Observer(Waker),
    /// Wake when settled.
    Taker(Waker),
    /// Wake when settled; the node is a box that belongs to the list.
    #[cfg(feature = "alloc")]
    Await(Waker),
    /// Wake when settled; the node is in the call's storage.
    AwaitInPlace(Waker),
    /// Tell the set that this node is a member of, when done. Called under the lock; what it returns is woken outside.
    #[cfg(feature = "alloc")]
    Member(&'static MemberActions),
    /// Run before the call is settled.
    #[cfg(feature = "alloc")]
    Callback(Callback),
    /// Nothing any more.
    Told,
}

/// What a set does with one of its members, under the lock of the call.
#[cfg(feature = "alloc")]
pub(crate) struct MemberActions {
    /// The call is done.
    pub(crate) tell: unsafe fn(NonNull<Node>) -> Option<Told>,
    /// Whoever waits for the set on a thread is to look again.
    pub(crate) nudge: unsafe fn(NonNull<Node>),
}

/// Whom to wake, outside the lock.
pub(crate) struct Told {
    pub(crate) waker: Waker,
    /// Whether waking runs code of the user's: an async runtime's, not a platform's unparker.
    pub(crate) of_user: bool,
}

/// One waiter. Owned by who waits, or by the list for callbacks and awaits; never moved while linked.
pub(crate) struct Node {
    next: Cell<Link>,
    /// The link that points here; null when not linked.
    previous: Cell<*const Cell<Link>>,
    role: Cell<Role>,
    _pinned: PhantomPinned,
}

impl Node {
    pub(crate) const fn new(role: Role) -> Self {
        Self {
            next: Cell::new(Link::END),
            previous: Cell::new(core::ptr::null()),
            role: Cell::new(role),
            _pinned: PhantomPinned,
        }
    }

    /// Puts another role here and gives the one that was.
    pub(crate) fn replace_role(&self, role: Role) -> Role {
        self.role.replace(role)
    }

    /// Whether it is in a list. Under the lock.
    pub(crate) fn is_linked(&self) -> bool {
        !self.previous.get().is_null()
    }

    pub(crate) fn take_role(&self) -> Role {
        self.role.replace(Role::Told)
    }
}

/// Puts `node` first.
///
/// # Safety
/// Under the lock; `head` is the call's link or a chain of the completer, and outlives the node's being linked; the node stays
/// where it is until it is unlinked.
pub(crate) unsafe fn push(head: &Cell<Link>, node: NonNull<Node>) {
    // SAFETY: the caller keeps the node alive while linked.
    let pushed = unsafe { node.as_ref() };
    let next = head.get();
    pushed.next.set(next);
    pushed.previous.set(head);
    if let Target::Node(next) = next.target() {
        // SAFETY: a linked node is alive, and under the lock nobody unlinks it.
        unsafe { next.as_ref() }.previous.set(&pushed.next);
    }
    head.set(Link::node(node));
}

/// Takes `node` out if it is in a list; says whether it was.
///
/// # Safety
/// Under the lock of the call whose list it was pushed to.
pub(crate) unsafe fn unlink(node: &Node) -> bool {
    let Some(previous) = NonNull::new(node.previous.replace(core::ptr::null()).cast_mut()) else {
        return false;
    };
    let next = node.next.get();
    // SAFETY: the link that points to a linked node is the head or in a linked node; both are alive.
    unsafe { previous.as_ref() }.set(next);
    if let Target::Node(next) = next.target() {
        // SAFETY: a linked node is alive, and under the lock nobody unlinks it.
        unsafe { next.as_ref() }.previous.set(previous.as_ptr());
    }
    true
}

/// Takes the first node out.
///
/// # Safety
/// As for [`unlink`].
pub(crate) unsafe fn pop(head: &Cell<Link>) -> Option<NonNull<Node>> {
    let Target::Node(first) = head.get().target() else {
        return None;
    };
    // SAFETY: a linked node is alive.
    let node = unsafe { first.as_ref() };
    // SAFETY: the caller has the lock.
    unsafe { unlink(node) };
    Some(first)
}

/// The end of the list that starts at `head`.
///
/// # Safety
/// Under the lock.
pub(crate) unsafe fn end(head: &Cell<Link>) -> Link {
    let mut link = head.get();
    while let Target::Node(node) = link.target() {
        // SAFETY: a linked node is alive, and under the lock nobody unlinks it.
        link = unsafe { node.as_ref() }.next.get();
    }
    link
}

/// Does under the lock what a popped node wants, and gives whom to wake outside.
///
/// # Safety
/// Under the lock; `node` was just popped.
pub(crate) unsafe fn tell(node: NonNull<Node>) -> Option<Told> {
    // SAFETY: a node that was linked is alive until the lock is left.
    let role = unsafe { node.as_ref() }.take_role();
    match role {
        Role::Observer(waker) | Role::Taker(waker) => Some(Told {
            waker,
            of_user: false,
        }),
        #[cfg(feature = "alloc")]
        Role::Await(waker) => {
            // SAFETY: the node of an await is a box that belongs to whoever unlinked it.
            drop(unsafe { Box::from_raw(node.as_ptr()) });
            Some(Told {
                waker,
                of_user: true,
            })
        }
        Role::AwaitInPlace(waker) => Some(Told {
            waker,
            of_user: true,
        }),
        // SAFETY: the member's set waits for this lock before it goes.
        #[cfg(feature = "alloc")]
        Role::Member(actions) => unsafe { (actions.tell)(node) },
        #[cfg(feature = "alloc")]
        Role::Callback(_) => None,
        Role::Told => None,
    }
}

/// Has every thread that waits look again: there is something that it can do for its call.
///
/// # Safety
/// Under the lock.
#[cfg(feature = "alloc")]
pub(crate) unsafe fn nudge(head: &Cell<Link>) {
    let mut link = head.get();
    while let Target::Node(found) = link.target() {
        // SAFETY: a linked node is alive, and under the lock nobody unlinks it.
        let node = unsafe { found.as_ref() };
        let role = node.take_role();
        match &role {
            // Threads' wakers are the platform's: no user code runs here.
            Role::Observer(waker) | Role::Taker(waker) => waker.wake_by_ref(),
            // SAFETY: the member's set waits for this lock before it goes.
            Role::Member(actions) => unsafe { (actions.nudge)(found) },
            Role::Await(_) | Role::AwaitInPlace(_) | Role::Callback(_) | Role::Told => {}
        }
        node.role.set(role);
        link = node.next.get();
    }
}

/// The boxed node of an await in the list at `head`.
///
/// # Safety
/// Under the lock.
#[cfg(feature = "alloc")]
pub(crate) unsafe fn find_await(head: &Cell<Link>) -> Option<NonNull<Node>> {
    let mut link = head.get();
    while let Target::Node(found) = link.target() {
        // SAFETY: a linked node is alive, and under the lock nobody unlinks it.
        let node = unsafe { found.as_ref() };
        let role = node.take_role();
        let is_await = matches!(role, Role::Await(_));
        node.role.set(role);
        if is_await {
            return Some(found);
        }
        link = node.next.get();
    }
    None
}

/// The nodes of a call by what has to happen to them, oldest first.
pub(crate) struct Sorted {
    /// Observers and members of sets.
    pub(crate) observers: Cell<Link>,
    /// Callbacks.
    #[cfg(feature = "alloc")]
    pub(crate) callbacks: Cell<Link>,
}

impl Sorted {
    pub(crate) const fn new() -> Self {
        Self {
            observers: Cell::new(Link::END),
            #[cfg(feature = "alloc")]
            callbacks: Cell::new(Link::END),
        }
    }

    /// Moves all but the takers from `head` to these chains and leaves `end` as the end.
    ///
    /// # Safety
    /// Under the lock; `self` stays in place until its chains are empty.
    pub(crate) unsafe fn sort(&self, head: &Cell<Link>, end: Link) {
        let takers = Cell::new(Link::END);
        // SAFETY: the caller has the lock.
        while let Some(node) = unsafe { pop(head) } {
            // SAFETY: it was linked until now, and nobody could free it since: the lock is held.
            let role = unsafe { node.as_ref() }.take_role();
            let chain = match role {
                #[cfg(feature = "alloc")]
                Role::Callback(_) => &self.callbacks,
                Role::Taker(_) => &takers,
                Role::AwaitInPlace(_) => &takers,
                #[cfg(feature = "alloc")]
                Role::Await(_) => &takers,
                _ => &self.observers,
            };
            // SAFETY: as above.
            unsafe { node.as_ref() }.role.set(role);
            // Newest first in, so that the oldest ends up first.
            // SAFETY: the chain outlives the link: `self` by the caller's promise, `takers` is emptied below.
            unsafe { push(chain, node) };
        }
        head.set(end);
        // SAFETY: the caller has the lock.
        while let Some(node) = unsafe { pop(&takers) } {
            // SAFETY: the head is the call's own and outlives its waiters.
            unsafe { push(head, node) };
        }
    }
}

/// Takes the error hook that the end of the list at `head` carries, leaving a plain end.
///
/// # Safety
/// The caller is alone with the call.
#[cfg(feature = "alloc")]
pub(crate) unsafe fn take_hook(head: &Cell<Link>) -> Option<ErrorHook> {
    let hook = head.get().end_hook()?;
    head.set(Link::END);
    // SAFETY: an end tagged as a hook was made from `Shared::into_raw` of an `ErrorHook`, and it is no longer here.
    Some(unsafe { ErrorHook::from_raw(hook) })
}

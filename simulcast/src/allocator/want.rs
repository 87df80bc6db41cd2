//! What a receiver wants of one publication.

/// Names a want. The caller chooses it, unique among the wants of one receiver: a slot, or a publication.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct WantId(pub u32);

/// What a picture shows, which decides what gives way first.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Kind {
    /// A person: resolution gives way before frame rate.
    Camera,
    /// A screen: frame rate gives way before resolution, since text must stay readable.
    Screen,
}

/// How important a picture is; the greater, the more.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Class {
    /// In a strip at the edge.
    Thumbnail,
    /// On the stage, ordered by size.
    Visible,
    /// Who speaks.
    Speaker,
    /// Pinned by the receiver, or a screen share: gets all its layers before others get their second.
    Pinned,
}

/// What the person chose, beyond what can be seen.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Choice {
    /// As sharp as view and budget allow.
    #[default]
    Automatic,
    /// Never above the lowest layer: data are saved.
    Lowest,
    /// No picture, though it could be seen.
    Paused,
}

/// What a receiver wants of one publication of pictures. Sound is never a want: it always goes.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Want {
    /// Which.
    pub id: WantId,
    /// What it shows.
    pub kind: Kind,
    /// How important it is.
    pub class: Class,
    /// Requested height in device pixels; 0 if not visible.
    pub height: u16,
    /// Pixels shown: orders wants of one class, the larger first.
    pub size: u32,
    /// Preferred frames per second; 0 for as many as there are.
    pub frame_rate: u8,
    /// What the person chose.
    pub choice: Choice,
}

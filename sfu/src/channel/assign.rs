//! Which publication goes into which slot of a participant: pure.

use crate::media::SlotId;
use crate::publication::PublicationKey;

/// A slot as the assignment sees it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Place {
    /// Which slot.
    pub slot: SlotId,
    /// Slots of one pair share a stream id.
    pub pair: u8,
    /// What it carries.
    pub carries: Option<PublicationKey>,
}

/// A publication that should be carried.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Wish {
    /// Which one.
    pub publication: PublicationKey,
    /// The pair in which it would play in step with its picture.
    pub pair: Option<u8>,
}

/// Changes `places` so that they carry `wishes`, first wishes first, moving nothing that stays.
///
/// What is carried and still wished keeps its place, so no decoder is disturbed. What is no longer wished leaves. The others take the
/// slot of their pair where it is free, else the first free one; those for which no slot is left go without. Returns how many do.
pub fn assign(places: &mut [Place], wishes: &[Wish]) -> usize {
    let wishes_in_reach = wishes.get(..places.len()).unwrap_or(wishes);
    for place in places.iter_mut() {
        let stays = |carried| wishes_in_reach.iter().any(|wish| wish.publication == carried);
        place.carries = place.carries.filter(|carried| stays(*carried));
    }
    for wish in wishes_in_reach {
        if places.iter().any(|place| place.carries == Some(wish.publication)) {
            continue;
        }
        let free = |place: &&mut Place| place.carries.is_none();
        let paired = places.iter_mut().filter(free).find(|place| Some(place.pair) == wish.pair);
        let place = match paired {
            Some(place) => Some(place),
            None => places.iter_mut().find(|place| place.carries.is_none()),
        };
        if let Some(place) = place {
            place.carries = Some(wish.publication);
        }
    }
    wishes.len() - wishes_in_reach.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use slotmap::SlotMap;

    fn keys(count: usize) -> Vec<PublicationKey> {
        let mut map = SlotMap::with_key();
        (0..count).map(|_| map.insert(())).collect()
    }

    fn places(count: u8) -> Vec<Place> {
        (0..count).map(|n| Place { slot: SlotId(n), pair: n, carries: None }).collect()
    }

    fn wish(publication: PublicationKey) -> Wish {
        Wish { publication, pair: None }
    }

    #[test]
    fn what_stays_is_not_moved() {
        let keys = keys(3);
        let mut places = places(3);
        assert_eq!(assign(&mut places, &[wish(keys[0]), wish(keys[1]), wish(keys[2])]), 0);
        assign(&mut places, &[wish(keys[2]), wish(keys[1])]);
        let carried: Vec<_> = places.iter().map(|place| place.carries).collect();
        assert_eq!(carried, [None, Some(keys[1]), Some(keys[2])]);
    }

    #[test]
    fn a_voice_goes_beside_its_picture_where_that_is_free() {
        let keys = keys(2);
        let mut places = places(3);
        assign(&mut places, &[Wish { publication: keys[0], pair: Some(2) }]);
        assert_eq!(places[2].carries, Some(keys[0]));
        assign(&mut places, &[wish(keys[0]), Wish { publication: keys[1], pair: Some(2) }]);
        assert_eq!(places[0].carries, Some(keys[1]));
    }

    #[test]
    fn first_wishes_come_first_and_the_rest_is_counted() {
        let keys = keys(4);
        let mut places = places(2);
        let wishes: Vec<_> = keys.iter().map(|key| wish(*key)).collect();
        assert_eq!(assign(&mut places, &wishes), 2);
        assert_eq!(places[1].carries, Some(keys[1]));
        assert_eq!(assign(&mut places, &wishes[1..]), 1);
        let carried: Vec<_> = places.iter().map(|place| place.carries).collect();
        assert_eq!(carried, [Some(keys[2]), Some(keys[1])]);
    }
}

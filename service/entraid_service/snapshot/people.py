"""The users of one revision who are at hand, and the names they were asked for by.

Who is kept is chosen by a clock (second chance, https://en.wikipedia.org/wiki/Page_replacement_algorithm#Clock): all go
round in a ring, and where one has to make room a hand goes on to the next who was not asked about since it last came
by. So all of the memory holds people all the time, a hit writes one mark, and each read forgets about one person.
"""

from typing import Final

from entraid_service.model.ids import UserId
from entraid_service.snapshot.packing import Packing
from entraid_service.snapshot.person import Person
from entraid_service.snapshot.recent import Recent

_BYTES_PER_NAME: Final = 2_000
"""A name takes a tenth of it, so names have a tenth of the memory at most: nearly all ask by object id."""
_MOST_SPARED: Final = 256
"""Whom the hand passes by at most, so that nobody waits for a whole round."""


class People:
    """Keeps who was asked about lately.

    `most` bounds the memory, roughly in bytes: an ordinary user has some eight hundred.
    """

    __slots__ = ("_by_id", "_hand", "_most", "_ring", "_weight", "by_name", "packing")

    def __init__(self, most: int) -> None:
        self.by_name: Final[Recent[str, UserId]] = Recent(most // _BYTES_PER_NAME)
        self.packing: Final = Packing()
        self._most = most
        self._weight = 0
        self._by_id: dict[UserId, Person] = {}
        self._ring: list[Person] = []
        self._hand = 0

    def get(self, user_id: UserId) -> Person | None:
        """The user of this object id, as the directory writes it, None if he is not at hand."""
        person = self._by_id.get(user_id)
        if person is not None and not person.is_in_use:
            person.is_in_use = True
        return person

    def put(self, person: Person) -> None:
        """Keeps somebody who is not at hand, for as long as he is asked about and there is room."""
        if person.weight > self._most // 2:
            return  # one enormous user shall not push everybody out
        self._weight += person.weight
        self._shrink()
        self._by_id[person.id] = person
        self._ring.append(person)

    def resize(self, most: int) -> None:
        """Changes the bound."""
        self._most = most
        self._shrink()
        self.by_name.resize(most // _BYTES_PER_NAME)

    def __len__(self) -> int:
        return len(self._ring)

    def __contains__(self, user_id: object) -> bool:
        return user_id in self._by_id

    def _shrink(self) -> None:
        while self._weight > self._most:
            person = self._ring[self._turn()]
            self._weight -= person.weight
            del self._by_id[person.id]
            # Who stands last, one of the newest mostly, takes the place that the hand is leaving: the end of the round.
            last = self._ring.pop()
            if last is not person:
                self._ring[self._hand] = last
            self._hand += 1

    def _turn(self) -> int:
        """Moves the hand to whoever is to go; his place."""
        for _ in range(_MOST_SPARED):
            if self._hand >= len(self._ring):
                self._hand = 0
            person = self._ring[self._hand]
            if not person.is_in_use:
                break
            person.is_in_use = False
            self._hand += 1
        self._hand %= len(self._ring)
        return self._hand

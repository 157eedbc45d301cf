"""The files that a run leaves, for the tests that damage them."""

from __future__ import annotations

from made_report import CHECKS, MadeRun, head_of

from mcstress.evidence.store.document import write_document
from mcstress.evidence.store.history import History
from mcstress.evidence.store.paths import ReportPaths
from mcstress.evidence.store.segment import Segment

TRIOS = 2


class LeftRun:
    """A run that ended well, as its main events file, a worker's, and as its document."""

    def __init__(self, folder) -> None:
        self.paths = ReportPaths(folder, "001")
        events = MadeRun(change=0.0, found=1.0).events(trios=TRIOS, rounds=1)
        for event in events:
            event.worker, event.seq = f"worker-{event.trio - 1}", event.seq
        self.made = len(events)
        for trio in range(1, TRIOS + 1):
            own = [event for event in events if event.trio == trio]
            numbers = {event.seq: number for number, event in enumerate(own, 1)}
            for event in own:
                event.paired_seq = numbers.get(event.paired_seq)
                event.seq = numbers[event.seq]
        checks = [check for check in CHECKS if not check.startswith("swap")]
        self.head = head_of(events, checks)
        self.users = self.head["users"]
        self.segments = [self._segment(number, events) for number in range(TRIOS)]
        self.main = self._main()
        history = History([self.main, *self.segments])
        write_document(self.paths.json, self.head, history.raw_events(), history.order.workers)

    def _segment(self, number, events):
        name = f"worker-{number}"
        uid = self.head["run"]["run_uid"]
        first = {"record": "segment", "run_uid": uid, "worker": name, "boot": name}
        segment = Segment(self.paths.segment(name), first)
        segment.extend([event for event in events if event.worker == name])
        segment.end()
        segment.close()
        return segment.path

    def _main(self):
        known = {key: self.head[key] for key in ("run", "scenario", "thresholds", "candidates")}
        segment = Segment(self.paths.events, {"record": "run"} | known)
        for second, users in self.users:
            segment.record({"record": "users", "time": second, "users": users})
        workers = History([self.paths.events, *self.segments]).order.workers
        segment.flush()
        segment.end(
            {
                "run": self.head["run"],
                "completeness": self.head["completeness"],
                "planned": {},
                "workers": {name: tally.stated for name, tally in workers.items()},
            }
        )
        segment.close()
        return segment.path

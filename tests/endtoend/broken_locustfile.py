"""A locustfile whose bob raises in the second round, as a fault in our own code would."""

from mcstress.plugin import install
from mcstress.users import persona
from mcstress.users.persona import AliceUser, CarolUser

__all__ = ["AliceUser", "BobUser", "CarolUser"]


class BobUser(persona.BobUser):
    """Breaks between two events of a round."""

    def wait(self) -> None:
        super().wait()
        if self.coordinator.round == 2 and self.coordinator.baselines:
            raise ZeroDivisionError("bob broke down")


install()

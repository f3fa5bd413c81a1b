"""Studies: questions about why a head start works, each answered by one command, with a result file and pictures."""

from headstart.studies.study import STUDIES, Study, Request

__all__ = ["STUDIES", "Study", "Request"]

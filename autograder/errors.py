"""What people can mend themselves: every such error is one clear sentence, never a traceback."""


class MendableError(ValueError):
    """Says what was found, what was expected, and what to do.

    AuthoringError: an author's files contradict one another · SheetError: an answer sheet cannot be
    read · ReleaseError: a released notebook cannot be read · CourseError: something of the course
    is not where it should be · SampleError: a sample class cannot be made · AnswersError: answers
    cannot be brought over · ExecutorError: notebooks cannot be run here · WallError: a wall around
    student code cannot be had · GradebookError: the gradebook cannot be read or written ·
    ReportError: there is nothing to report on · ExportError: grades cannot be handed on ·
    ClusterError: there is no cluster to work on.
    """

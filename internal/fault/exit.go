package fault

// Exit codes of the programs, beside those of the kinds.
const (
	ExitOK         = 0
	ExitInternal   = 1 // a failure of no other kind, or one of this program
	ExitUsage      = 2 // Config: the command line or the job is wrong
	ExitNotCounted = 3 // copied, but the server could not load the collection, so nobody counted
	ExitCancelled  = 4 // the job was cancelled or terminated
	ExitDetached   = 5 // the job goes on without us
)

// ExitCode returns the exit code that says what kind of failure ended the program.
func ExitCode(k Kind) int {
	switch k {
	case Config:
		return ExitUsage
	case NotFound:
		return 10
	case Conflict:
		return 11
	case Unsupported:
		return 12
	case Corrupt:
		return 13
	case Denied:
		return 14
	case SourceChanged:
		return 15
	case Unavailable, Throttled:
		return 16
	case Different:
		return 17
	}
	return ExitInternal
}

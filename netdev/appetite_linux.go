package netdev

// appetite learns how many frames to ask a device for: more than there were the
// last time, as each costs a place that stands ready.
type appetite int

func (a appetite) ask(least, most int) int { return min(max(int(a), least), most) }

// got notes how many of the frames that were asked for were there. It reports
// whether all were: then there may be more.
func (a *appetite) got(n, asked int) bool {
	if n < asked {
		*a = appetite(n + 1)
		return false
	}
	*a = appetite(2 * asked)
	return true
}

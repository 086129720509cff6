package stat

// All returns the counters that are not zero, by name.
func (c *Counters) All() map[string]uint64 {
	all := map[string]uint64{}
	for id := ID(0); int(id) < Count; id++ {
		if v := c.Get(id); v != 0 {
			all[id.String()] = v
		}
	}
	return all
}

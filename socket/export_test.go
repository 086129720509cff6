package socket

// PretendToWait has the poller look as if calls of Wait slept.
func (p *Poller) PretendToWait(calls int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waits, p.woken = calls, 0
}

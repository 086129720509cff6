package inet

// Many is what sendmmsg and recvmmsg return when message number done failed:
// how many went before it and no error, or, if it was the first, the error.
func Many(done int, err error) (int, error) {
	if done > 0 {
		return done, nil
	}
	return 0, err
}

package iperf3

import "fmt"

// state is a byte on the control connection. Those below zero are refusals.
type state int8

const (
	testStart       state = 1
	testRunning     state = 2
	testEnd         state = 4
	paramExchange   state = 9
	createStreams   state = 10
	serverTerminate state = 11
	clientTerminate state = 12
	exchangeResults state = 13
	displayResults  state = 14
	iperfDone       state = 16
	accessDenied    state = -1
	serverError     state = -2
)

// reason is the number by which a client knows what failed here, and which text
// to print. It follows the state serverError.
type reason uint32

const (
	reasonControl  reason = 110 // what the client said on the control connection makes no sense
	reasonParams   reason = 114
	reasonResults  reason = 117
	reasonWindow   reason = 130
	reasonMSS      reason = 123
	reasonTOS      reason = 125
	reasonProtocol reason = 131
	reasonListen   reason = 202
	reasonAccept   reason = 204
	reasonStream   reason = 201 // a stream could not be set up
	reasonNoReason reason = 0   // the client is gone, or says so itself: nobody to tell
)

// failure ends a test before its time.
type failure struct {
	reason reason
	err    error
}

func (f *failure) Error() string { return fmt.Sprintf("iperf3: reason %d: %v", f.reason, f.err) }

func (f *failure) Unwrap() error { return f.err }

// fail wraps err, if there is one.
func fail(r reason, err error) error {
	if err == nil {
		return nil
	}
	return &failure{r, err}
}

package iperf3

// results is what the two sides tell each other when a test has ended.
type results struct {
	CPUTotal  float64 `json:"cpu_util_total"` // percent of one processor
	CPUUser   float64 `json:"cpu_util_user"`
	CPUSystem float64 `json:"cpu_util_system"`
	// HasRetransmits is 1 where this side has sent and counts what it sent again,
	// 0 where it has sent and does not, -1 where it only received.
	HasRetransmits int            `json:"sender_has_retransmits"`
	Congestion     string         `json:"congestion_used,omitempty"`
	Output         string         `json:"server_output_text,omitempty"`
	Streams        []streamResult `json:"streams"`
}

// streamResult is one stream. Jitter is in seconds; errors are datagrams that
// did not arrive; the numbers of datagrams include those of the time that was
// to be omitted.
type streamResult struct {
	ID             int     `json:"id"`
	Bytes          int64   `json:"bytes"`
	Retransmits    int64   `json:"retransmits"` // -1 where it was not sent from here, or over UDP
	Jitter         float64 `json:"jitter"`
	Errors         int64   `json:"errors"`
	OmittedErrors  int64   `json:"omitted_errors"`
	Packets        int64   `json:"packets"`
	OmittedPackets int64   `json:"omitted_packets"`
	StartTime      float64 `json:"start_time"`
	EndTime        float64 `json:"end_time"`
}

package report

import (
	"strings"
	"testing"
	"time"
)

func TestTheMedianIsOfTheSortedValues(t *testing.T) {
	for _, c := range []struct {
		in   []float64
		want Spread
	}{
		{nil, Spread{}},
		{[]float64{3}, Spread{3, 3, 3}},
		{[]float64{9, 1, 5}, Spread{5, 1, 9}},
		{[]float64{4, 1, 3, 2}, Spread{2.5, 1, 4}},
	} {
		if got := SpreadOf(c.in); got != c.want {
			t.Errorf("SpreadOf(%v) = %v, want %v", c.in, got, c.want)
		}
	}
}

func rates(subject string, rates ...float64) Row {
	r := Row{Subject: subject}
	for i, v := range rates {
		r.Samples = append(r.Samples, Sample{Subject: subject, Round: i, Rate: v, Unit: "/s"})
	}
	return r
}

// A machine that is half as fast in one round is so for both: the ratio does
// not see it.
func TestRatiosAreTakenRoundByRound(t *testing.T) {
	got := Ratio(rates("a", 20, 10, 30), rates("b", 10, 5, 10))
	if want := (Spread{2, 2, 3}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestARoundThatOneSideLacksIsNotCompared(t *testing.T) {
	got := Ratio(rates("a", 20, 10), rates("b", 10))
	if want := (Spread{2, 2, 2}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestWorksOfLatencyAreComparedByTheirMedianTime(t *testing.T) {
	a, b := rates("a", 1), rates("b", 1)
	for i, r := range []Row{a, b} {
		r.Samples[0].Latency, r.Samples[0].P50 = true, time.Duration(i+1)*time.Microsecond
	}
	if got := Ratio(a, b).Median; got != 0.5 {
		t.Errorf("got %v, want 0.5", got)
	}
}

func TestTheTableNamesLinkAndWorkOnce(t *testing.T) {
	var samples []Sample
	for _, s := range []Sample{{Subject: "b", Rate: 1}, {Subject: "a", Rate: 3}} {
		s.Link, s.Work, s.Unit = "tap/1500", "bulk-tx", "Gbit/s"
		samples = append(samples, s)
	}
	var out strings.Builder
	Text(&out, Groups(samples), []string{"a", "b"})
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 3 || strings.Count(out.String(), "tap/1500") != 1 {
		t.Fatalf("not two rows of one group:\n%s", out.String())
	}
	if f := strings.Fields(lines[1]); f[2] != "a" || f[3] != "3.00" {
		t.Errorf("the first subject's row is %q", lines[1])
	}
	if !strings.Contains(lines[2], "3.00..3.00") {
		t.Errorf("no ratio against the first in %q", lines[2])
	}
}

func TestNumbersHaveThreeDigits(t *testing.T) {
	for v, want := range map[float64]string{0: "-", 0.1234: "0.123", 1.234: "1.23", 12.34: "12.3", 123.4: "123.4", 12345: "12345"} {
		if got := number(v); got != want {
			t.Errorf("number(%v) = %q, want %q", v, got, want)
		}
	}
	for v, want := range map[float64]string{0: "-", 1234: "1.23us", 123456: "123us", 1234567: "1.23ms", 2e9: "2.00s"} {
		if got := duration(v); got != want {
			t.Errorf("duration(%v) = %q, want %q", v, got, want)
		}
	}
}

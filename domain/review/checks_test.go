package review

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 18, 12, 0, 0, 0, time.UTC)

// acts are n acts with evidence, a minute apart.
func acts(n int, change func(i int, a *Act)) []Act {
	out := make([]Act, n)
	for i := range out {
		out[i] = Act{ID: fmt.Sprint("a", i), Kind: "door", Quantity: 1, At: noon.Add(time.Duration(i) * time.Minute), Minute: 13*60 + i, Evidence: &Evidence{}}
		change(i, &out[i])
	}
	return out
}

var (
	genoa = &Location{44.41, 8.93, 10}
	milan = &Location{45.46, 9.19, 10}
)

// Each check, at its limits.
func TestChecks(t *testing.T) {
	at := func(a *Act, d time.Duration) { a.At = noon.Add(d) }
	yes, no := true, false
	tests := []struct {
		name   string
		check  func(*Window) *Finding
		window Window
		want   int // actions found; 0: nothing
		enough bool
	}{
		{"a walk", speed, Window{Acts: acts(30, func(i int, a *Act) { a.Evidence.Location = &Location{44.41 + float64(i)*.001, 8.93, 20} })}, 0, false},
		{"one place of an hour ago", speed, Window{Acts: acts(30, func(i int, a *Act) {
			a.Evidence.Location = genoa
			if i < 4 {
				a.Evidence.Location = milan
			}
		})}, 0, false},
		{"there and back and on", speed, Window{Acts: acts(30, func(i int, a *Act) {
			a.Evidence.Location = []*Location{genoa, milan, {41.9, 12.5, 10}}[i/10]
		})}, 2, true},
		{"to and fro", speed, Window{Acts: acts(30, func(i int, a *Act) { a.Evidence.Location = []*Location{genoa, milan}[i%2] })}, 15, true},
		{"by train", speed, Window{Acts: acts(3, func(i int, a *Act) {
			a.Evidence.Location = []*Location{genoa, milan}[i%2]
			at(a, time.Duration(i)*time.Hour)
		})}, 0, false},
		{"a place that nobody is sure of", speed, Window{Acts: acts(9, func(i int, a *Act) {
			l := *[]*Location{genoa, milan}[i%2]
			l.Accuracy = 30_000
			a.Evidence.Location = &l
		})}, 0, false},

		{"two doors a minute", pace, Window{Acts: acts(100, func(i int, a *Act) { at(a, time.Duration(i)*30*time.Second) })}, 0, false},
		{"six doors a minute", pace, Window{Acts: acts(100, func(i int, a *Act) { at(a, time.Duration(i)*10*time.Second) })}, 60, false},
		{"a door a second", pace, Window{Acts: acts(100, func(i int, a *Act) { at(a, time.Duration(i)*time.Second) })}, 100, true},
		{"counted afterwards", pace, Window{Acts: acts(3, func(i int, a *Act) { a.Quantity = 80 })}, 0, false},
		{"100 doors in 2 minutes", pace, Window{Acts: acts(1, func(i int, a *Act) { a.Quantity, a.Evidence.Seconds = 100, 120 })}, 1, true},
		{"100 doors in 3 hours", pace, Window{Acts: acts(1, func(i int, a *Act) { a.Quantity, a.Evidence.Seconds = 100, 3*3600 })}, 0, false},
		{"500 doors in a day", pace, Window{Acts: acts(5, func(i int, a *Act) { a.Quantity = 100 })}, 5, true},
		{"500 doors in five days", pace, Window{Acts: acts(5, func(i int, a *Act) { a.Quantity = 100; at(a, time.Duration(i)*24*time.Hour) })}, 0, false},

		{"a fifth of the doors", contactRate, Window{Acts: acts(100, func(i int, a *Act) { a.Evidence.Attempts = 1; a.Evidence.Contacts = int64(i % 5 / 4) })}, 0, false},
		{"all doors", contactRate, Window{Acts: acts(40, func(i int, a *Act) { a.Evidence.Attempts, a.Evidence.Contacts = 1, 9 })}, 40, true},
		{"all of few doors", contactRate, Window{Acts: acts(39, func(i int, a *Act) { a.Evidence.Attempts, a.Evidence.Contacts = 1, 1 })}, 0, false},
		{"three of four", contactRate, Window{Acts: acts(40, func(i int, a *Act) { a.Evidence.Attempts, a.Evidence.Contacts = 4, 3 })}, 40, false},
		{"all doors of the last day", contactRate, Window{Acts: acts(140, func(i int, a *Act) {
			a.Evidence.Attempts = 1
			if i >= 100 {
				at(a, 50*time.Hour+time.Duration(i)*time.Minute)
				a.Evidence.Contacts = 1
			}
		})}, 40, true},

		{"different answers", answers, Window{Acts: acts(60, func(i int, a *Act) { a.Evidence.Answers = []string{fmt.Sprint(i % 3)} })}, 0, false},
		{"one answer", answers, Window{Acts: acts(60, func(i int, a *Act) { a.Evidence.Answers = []string{"yes"} })}, 60, true},
		{"one answer, 30 times", answers, Window{Acts: acts(30, func(i int, a *Act) { a.Evidence.Answers = []string{"yes"} })}, 30, false},
		{"one answer, seldom", answers, Window{Acts: acts(24, func(i int, a *Act) { a.Evidence.Answers = []string{"yes"} })}, 0, false},

		{"a timer left running", overlap, Window{Acts: acts(20, func(i int, a *Act) {
			a.Evidence.Seconds, a.Evidence.Location = 30, []*Location{genoa, milan}[i/19]
			if i == 19 {
				a.Evidence.Seconds = 10_000
			}
		})}, 0, false},
		{"in two places", overlap, Window{Acts: acts(20, func(i int, a *Act) { a.Evidence.Seconds, a.Evidence.Location = 600, []*Location{genoa, milan}[i%2] })}, 20, true},
		{"in one place", overlap, Window{Acts: acts(20, func(i int, a *Act) { a.Evidence.Seconds, a.Evidence.Location = 600, genoa })}, 0, false},

		{"a family's phone", device, Window{Acts: acts(3, onDevice), Devices: map[string]DeviceUse{"d": {4, 4}}}, 0, false},
		{"an office's tablet", device, Window{Acts: acts(3, onDevice), Devices: map[string]DeviceUse{"d": {12, 2}}}, 3, false},
		{"a farm", device, Window{Acts: acts(3, onDevice), Devices: map[string]DeviceUse{"d": {12, 9}}}, 3, true},

		{"recruits", ring, Window{Acts: acts(3, recruits), Upline: map[string]time.Time{"x": {}}}, 0, false},
		{"who recruited them", ring, Window{Acts: acts(3, recruits), Upline: map[string]time.Time{"r1": noon.Add(-time.Hour)}}, 1, true},
		{"who said later that they had recruited them", ring, Window{Acts: acts(3, recruits), Upline: map[string]time.Time{"r1": noon.Add(time.Hour)}}, 0, false},
		{"one on the own device", ring, Window{Acts: acts(3, recruits), Mates: map[string]bool{"r1": true}}, 0, false},
		{"two on the own device", ring, Window{Acts: acts(3, recruits), Mates: map[string]bool{"r1": true, "r2": true}}, 2, false},
		{"four on the own device", ring, Window{Acts: acts(5, recruits), Mates: map[string]bool{"r1": true, "r2": true, "r3": true, "r4": true}}, 4, true},

		{"by day", midnight, Window{Acts: acts(99, func(int, *Act) {})}, 0, false},
		{"doors at one", midnight, Window{Acts: acts(30, func(i int, a *Act) { a.Minute = 60 + i })}, 30, true},
		{"calls at one", midnight, Window{Acts: acts(30, func(i int, a *Act) { a.Kind, a.Minute = "call", 60+i })}, 30, false},
		{"records at one", midnight, Window{Acts: acts(30, func(i int, a *Act) { a.Kind, a.Minute = "data_entry", 60+i })}, 0, false},
		{"counted at one", midnight, Window{Acts: acts(1, func(i int, a *Act) { a.Quantity, a.Minute = 60, 60 })}, 1, false},
		{"begun in the evening", midnight, Window{Acts: acts(1, func(i int, a *Act) { a.Quantity, a.Minute, a.Evidence.Seconds = 60, 60, 2*3600 })}, 0, false},

		{"a place set by an app", mock, Window{Acts: acts(9, func(i int, a *Act) { a.Evidence.Mock = i < 2 })}, 2, false},
		{"places set by an app", mock, Window{Acts: acts(9, func(i int, a *Act) { a.Evidence.Mock = i < 3 })}, 3, true},

		{"a partner", denied, Window{Acts: acts(2, func(i int, a *Act) { a.Evidence.Confirmed = &yes })}, 0, false},
		{"a partner who disagrees", denied, Window{Acts: acts(2, func(i int, a *Act) { a.Evidence.Confirmed = []*bool{nil, &no}[i] })}, 1, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := tt.check(&tt.window)
			switch {
			case f == nil && tt.want > 0:
				t.Error("found nothing")
			case f != nil && (len(f.Actions) != tt.want || f.Enough != tt.enough || f.Text == ""):
				t.Errorf("found %d, enough %v: %s; want %d, %v", len(f.Actions), f.Enough, f.Text, tt.want, tt.enough)
			}
		})
	}
	if f := (&Window{}); Look(f) != nil {
		t.Error("something is found in nothing")
	}
}

func onDevice(_ int, a *Act) { a.Evidence.Device = "d" }

func recruits(i int, a *Act) {
	a.Kind, a.Evidence.Recruited, a.Evidence.GivenAt = "signup_recruited", fmt.Sprint("r", i), noon
}

// One hint withholds nothing and two do; what a partner confirmed is in no hint,
// unless they share a device; what somebody cleared counts for less.
func TestLookWeighs(t *testing.T) {
	yes := true
	window := func(change func(i int, a *Act)) *Window {
		return &Window{Acts: acts(30, func(i int, a *Act) {
			a.Evidence = &Evidence{Answers: []string{"yes"}, Partner: "bruno", Mock: i == 0, Location: genoa}
			change(i, a)
		})}
	}
	found := func(w *Window) (names []Check, held int) {
		for _, f := range Look(w) {
			names = append(names, f.Check)
			held = max(held, len(f.Actions))
		}
		return names, held
	}
	two := window(func(int, *Act) {})
	if names, held := found(two); !slices.Equal(names, []Check{AnswerEntropy, MockLocation}) || held != 30 {
		t.Errorf("two hints: %v, %d", names, held)
	}
	one := window(func(_ int, a *Act) { a.Evidence.Mock = false })
	if names, _ := found(one); names != nil {
		t.Errorf("one hint: %v", names)
	}
	confirmed := window(func(_ int, a *Act) { a.Evidence.Confirmed = &yes })
	if names, _ := found(confirmed); names != nil {
		t.Errorf("hints at what was confirmed: %v", names)
	}
	confirmed.Mates = map[string]bool{"bruno": true}
	if names, _ := found(confirmed); len(names) != 2 {
		t.Errorf("confirmed on the same device: %v", names)
	}
	surely := window(func(i int, a *Act) { a.Evidence.Confirmed, a.Evidence.Mock = &yes, true })
	if names, _ := found(surely); !slices.Equal(names, []Check{MockLocation}) {
		t.Errorf("enough, and confirmed: %v", names)
	}
	two.Cleared = map[Check]bool{MockLocation: true}
	if names, _ := found(two); names != nil {
		t.Errorf("cleared before: %v", names)
	}
	surely.Cleared = two.Cleared
	if names, _ := found(surely); names != nil {
		t.Errorf("enough, and cleared before: %v", names)
	}
	held := window(func(i int, a *Act) { a.Held = i < 20 })
	if names, _ := found(held); names != nil {
		t.Errorf("one of the hints is held already: %v", names)
	}
}

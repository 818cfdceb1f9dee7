//go:build fault

package faults

import "testing"

// The checker must find out builds that are wrong; these are.

func TestFindsALossOut(t *testing.T) {
	w, _, _ := onRedis(t, "acknowledges before it writes")
	w.order("broken early-answer")
	w.begin()
	w.row.Rounds = 3
	for range w.row.Rounds {
		w.more("answers", &w.load.ok, 100)
		w.server.kill()
		w.start()
	}
	v, equal := w.judge()
	w.row.Broken = true
	w.write("must show lost actions", v, equal)
	if len(v.Lost) == 0 {
		t.Error("a build that loses actions passes")
	}
}

func TestFindsDoublesOut(t *testing.T) {
	w, _, _ := onRedis(t, "keeps no index of action ids")
	w.order("broken no-index")
	w.begin()
	await(t, "1,000 answers", func() bool { return w.load.ok.Load() >= 1000 })
	v, equal := w.judge()
	w.row.Broken = true
	w.write("must show doubled actions", v, equal)
	if len(v.Doubled) == 0 {
		t.Error("a build that counts actions twice passes")
	}
}

func TestFindsWrongBoardsOut(t *testing.T) {
	w, _, _ := onRedis(t, "adds to boards what it added before (a plain `ZINCRBY`)")
	w.order("broken increments")
	w.begin()
	w.more("answers", &w.load.fresh, 200)
	w.order() // the recount is not to be broken
	v, equal := w.judge()
	w.row.Broken = true
	w.write("must show boards that differ", v, equal)
	if equal {
		t.Error("a build with wrong boards passes")
	}
	if !v.Holds() {
		t.Errorf("its ledger is right: %s", v)
	}
}

package task

import (
	"encoding/json"
	"time"

	"github.com/musterhq/muster/store"
)

// The events of the feeds `tasks:<region>`. They name the task, never a person.
const (
	openedEvent    = "task_opened"
	takenEvent     = "task_taken"
	givenBackEvent = "task_given_back" // also when a lease ran out
	closedEvent    = "task_closed"
)

// event is the body of a feed event.
type event struct {
	Task   string    `json:"task"`
	Kind   Kind      `json:"kind"`
	Title  string    `json:"title"`
	Region string    `json:"region"`
	EndsAt time.Time `json:"ends_at"`
}

// announce adds the feed events of one change, due at due: one for the task's
// region and one for each region above it, so that the feed of a region tells
// what happens anywhere in its subtree.
func announce(effects *store.Effects, t *Task, kind, id string, due time.Time) {
	body, err := json.Marshal(event{Task: t.ID, Kind: t.Kind, Title: t.Title, Region: t.Region, EndsAt: t.EndsAt})
	if err != nil {
		panic(err) // strings and a time of this century: cannot fail
	}
	for _, region := range t.Within {
		effects.Add(store.Effect{ID: id + "/" + region, Kind: "feed", Due: due, Data: map[string]string{
			"feed": "tasks:" + region, "type": kind, "json": string(body),
		}})
	}
}

// withdraw takes announced events back that were not yet carried out.
func withdraw(effects *store.Effects, t *Task, id string) {
	for _, region := range t.Within {
		effects.Done(id + "/" + region)
	}
}

package api

import (
	"context"
	"net/http"
	"time"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/domain/task"
	"github.com/musterhq/muster/internal/errs"
)

// taskView is a task as everybody sees it; who holds the other slots is not
// part of it.
type taskView struct {
	ID       string     `json:"id"`
	Kind     string     `json:"kind"`
	Title    string     `json:"title"`
	Region   namedView  `json:"region"`
	Capacity int        `json:"capacity" doc:"How many people it takes."`
	Free     int        `json:"free" doc:"Slots nobody holds now."`
	StartsAt Time       `json:"starts_at"`
	EndsAt   Time       `json:"ends_at"`
	State    string     `json:"state" enum:"open,closed"`
	Claim    *claimView `json:"claim" doc:"Your own claim; null without one."`
}

type claimView struct {
	Slot      int    `json:"slot"`
	State     string `json:"state" enum:"held,completed"`
	ExpiresAt *Time  `json:"expires_at,omitempty" doc:"When the slot is given to others unless you complete the task."`
}

// namedView is a region or team by id and name.
type namedView struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

func (a *API) taskView(tree *campaign.Tree, o *task.Offer) *taskView {
	v := &taskView{
		ID: o.ID, Kind: string(o.Kind), Title: o.Title, Region: *named(tree, o.Region),
		Capacity: o.Capacity, Free: o.Free, StartsAt: Time{o.StartsAt}, EndsAt: Time{o.EndsAt}, State: string(o.State),
	}
	if o.Claim != nil {
		v.Claim = &claimView{Slot: o.Claim.Slot, State: string(o.Claim.State)}
		if o.Claim.TakenUntil != nil && o.Claim.State == task.Held {
			v.Claim.ExpiresAt = timePtr(*o.Claim.TakenUntil)
		}
	}
	return v
}

type tasksInput struct {
	Scope
	Paging
	Region string `query:"region" maxLength:"200" doc:"Leads, wall screens and staff: the tasks of this region and all below it. Others see the tasks of their own region and those above."`
}

type tasksAnswer struct {
	Tasks []*taskView `json:"tasks"`
	Next  string      `json:"next_cursor"`
}

type postTaskInput struct {
	Created
	Body struct {
		Kind     string     `json:"kind" enum:"door,call,text,event,share,data_entry,ride,training,custom"`
		Title    string     `json:"title" minLength:"1" maxLength:"200"`
		Region   string     `json:"region" maxLength:"200" doc:"Any region of the tree; people of the regions below see it too."`
		Capacity int        `json:"capacity" minimum:"1" maximum:"1000"`
		StartsAt *time.Time `json:"starts_at,omitempty" doc:"Absent: now."`
		EndsAt   time.Time  `json:"ends_at"`
	}
}

type taskInput struct {
	Scope
	ID string `path:"id" maxLength:"64"`
}

type taskAnswer struct {
	Task *taskView `json:"task"`
}

func (a *API) tasks() {
	add(a, call{method: http.MethodGet, path: "/tasks", id: "list-tasks", tag: "do", summary: "Open tasks for you", allow: viewers, class: boards}, a.listTasks)
	add(a, call{method: http.MethodPost, path: "/tasks", id: "post-task", tag: "HQ", summary: "Post a task", status: http.StatusCreated, allow: leads, class: boards}, a.postTask)
	add(a, call{method: http.MethodPost, path: "/tasks/{id}/claim", id: "claim-task", tag: "do", summary: "Take a slot of a task", allow: anyone, class: acts,
		description: "The slot is yours until expires_at. Taking it again answers the same claim."}, a.onTask(a.parts.Tasks.Claim))
	add(a, call{method: http.MethodPost, path: "/tasks/{id}/give-back", id: "give-back-task", tag: "do", summary: "Give your slot back", allow: anyone, class: acts}, a.onTask(a.parts.Tasks.GiveBack))
	add(a, call{method: http.MethodPost, path: "/tasks/{id}/complete", id: "complete-task", tag: "do", summary: "Say that your part is done", allow: anyone, class: acts}, a.onTask(a.parts.Tasks.Complete))
}

func (a *API) listTasks(ctx context.Context, in *tasksInput) (*body[tasksAnswer], error) {
	caller := callerOf(ctx)
	request := task.ListRequest{Account: caller.Account, Limit: in.Limit, Cursor: in.Cursor}
	switch {
	case in.Region != "" && (mayLead(caller, in.Region) || caller.CoversRegion(campaign.Display, in.Region)):
		request.Subtree = in.Region
	case in.Region != "":
		return nil, errs.New(errs.Forbidden, "region_forbidden", "Only its leads, its wall screens and staff list the tasks of a whole region. Leave region out.")
	case caller.Person != "":
		person, err := a.parts.People.Person(ctx, in.Campaign, caller.Person)
		if err != nil {
			return nil, err
		}
		request.Region = person.Region
	default:
		return nil, errs.New(errs.Invalid, "region_required", "This token stands for no person: say which region's tasks it wants.")
	}
	tree, err := a.parts.Campaigns.Tree(ctx, in.Campaign)
	if err != nil {
		return nil, err
	}
	if request.Region == "" && request.Subtree == "" {
		request.Subtree = tree.Root().ID // an admin made on the command line lives nowhere
	}
	page, err := a.parts.Tasks.List(ctx, in.Campaign, request)
	if err != nil {
		return nil, err
	}
	out := &body[tasksAnswer]{Body: tasksAnswer{Tasks: []*taskView{}, Next: page.Next}}
	for _, offer := range page.Offers {
		out.Body.Tasks = append(out.Body.Tasks, a.taskView(tree, offer))
	}
	return out, nil
}

func (a *API) postTask(ctx context.Context, in *postTaskInput) (*body[taskAnswer], error) {
	caller := callerOf(ctx)
	if !mayLead(caller, in.Body.Region) {
		return nil, errs.New(errs.Forbidden, "region_forbidden", "You post tasks in the regions you lead only.")
	}
	request := task.PostRequest{
		Kind: task.Kind(in.Body.Kind), Title: in.Body.Title, Region: in.Body.Region, Capacity: in.Body.Capacity,
		EndsAt: in.Body.EndsAt, PostedBy: caller.Account, Key: in.Key,
	}
	if in.Body.StartsAt != nil {
		request.StartsAt = *in.Body.StartsAt
	}
	offer, err := a.parts.Tasks.Post(ctx, in.Campaign, request)
	return a.answerTask(ctx, in.Campaign, offer, err)
}

// onTask makes the handler of a call that acts on one task for the caller.
func (a *API) onTask(act func(ctx context.Context, campaignID, taskID, account string) (*task.Offer, error)) func(context.Context, *taskInput) (*body[taskAnswer], error) {
	return func(ctx context.Context, in *taskInput) (*body[taskAnswer], error) {
		offer, err := act(ctx, in.Campaign, in.ID, callerOf(ctx).Account)
		return a.answerTask(ctx, in.Campaign, offer, err)
	}
}

func (a *API) answerTask(ctx context.Context, campaignID string, offer *task.Offer, err error) (*body[taskAnswer], error) {
	if err != nil {
		return nil, err
	}
	tree, err := a.parts.Campaigns.Tree(ctx, campaignID)
	if err != nil {
		return nil, err
	}
	return &body[taskAnswer]{Body: taskAnswer{Task: a.taskView(tree, offer)}}, nil
}

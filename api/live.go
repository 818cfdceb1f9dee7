package api

import (
	"context"

	"github.com/musterhq/muster/realtime"
)

// live mounts the WebSocket. It is no operation of the OpenAPI document: its
// contract is docs/realtime.md.
func (a *API) live() {
	a.fiber.Get("/v1/campaigns/:"+realtime.CampaignParam+"/live", realtime.Handler(a.parts.Live))
}

// touch tells the person's own feed that their standing moved. A lost hint is
// made good within a minute, so it fails nothing.
func (a *API) touch(ctx context.Context, campaignID, account string) {
	if err := a.parts.Feeds.TouchMe(ctx, campaignID, account); err != nil {
		a.parts.Log.Debug("own feed was not touched", "campaign", campaignID, "error", err)
	}
}

// recheck makes live connections of a person ask again what they may see, on
// every node at once. Without Redis each node learns of it by itself within two
// seconds (people.Service.Watch).
func (a *API) recheck(ctx context.Context, campaignID, person string) {
	if err := a.parts.Feeds.Recheck(ctx, campaignID, person); err != nil {
		a.parts.Log.Warn("live connections were not asked again", "campaign", campaignID, "person", person, "error", err)
	}
}

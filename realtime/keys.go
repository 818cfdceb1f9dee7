package realtime

// feedKey names a feed of a campaign in Redis and on the node. The name of a
// board carries its window ("board:teams:all@season"), that of Me its account
// ("me:a1").
type feedKey struct{ campaign, name string }

func boardKey(campaign string, feed Feed, window string) feedKey {
	return feedKey{campaign, feed.String() + "@" + window}
}

func meKey(campaign, account string) feedKey { return feedKey{campaign, "me:" + account} }

func logKey(campaign string, feed Feed) feedKey { return feedKey{campaign, feed.String()} }

// channel is where wake-ups are published; it is the prefix of the feed's keys
// and holds the hash tag that keeps them in one slot.
func (k feedKey) channel() string { return "live:{" + k.campaign + "/" + k.name + "}" }

func (k feedKey) meta() string              { return k.channel() + ":meta" }
func (k feedKey) log() string               { return k.channel() + ":log" }
func (k feedKey) lease() string             { return k.channel() + ":lease" }
func (k feedKey) event(event string) string { return k.channel() + ":id:" + event }

// recheckChannel carries "<campaign> <subject>" of people whose roles changed.
const recheckChannel = "live:recheck"

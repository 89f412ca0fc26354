package dirstore

// The following are what their names say.
var (
	OpenVolume = openVolume
	SyncVolume = syncVolume
	SyncsTell  = syncsTell
)

package ledger_test

const (
	packetVector  = "a3db2cf1668163c076e25c1ab0045c50391859acc6a8791f9996ee90bfda2a5b"
	accountVector = "8e813c823bb154f10d0b2eb73091ad12486085370101b3a8319f1c251e777100"
)

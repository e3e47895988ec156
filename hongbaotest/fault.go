package hongbaotest

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"time"

	"hongbao.example/hongbao/internal/wire"
)

// Fault is what happens to one call of a merchant. The zero Fault is none: the call
// is carried out and answered.
type Fault struct {
	// Code refuses the call with this err_code, such as NOTENOUGH, signed as it should
	// be. The call is not carried out. A request that is not signed with Key is
	// answered as ever.
	Code string

	// Status is the HTTP status of an answer that is not of the protocol, as a proxy
	// would give it. The call is not carried out.
	Status int

	// Lost cuts the connection where the answer would come, after the call has been
	// carried out, or not, if Code or Status is set.
	Lost bool

	// Delay is how much later the answer comes than what it tells of.
	Delay time.Duration
}

// Next says what happens to the next calls of the merchant, one fault for each, in
// turn, after those that were said before. Calls behind them go well again.
func (s *Server) Next(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, faults...)
}

// answer answers a call as f has it.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, f Fault, doc wire.Document) {
	answer := httptest.NewRecorder()
	body, refused := f.refusal(s.key, callOf(r), doc)
	switch {
	case f.Status != 0:
		answer.WriteHeader(f.Status)
	case refused:
		answer.Header().Set("Content-Type", "text/xml; charset=utf-8")
		_, _ = answer.Write(body) // to memory
	default:
		s.merchants.ServeHTTP(answer, r)
	}
	late := time.NewTimer(f.Delay)
	defer late.Stop()
	select {
	case <-late.C:
	case <-s.stop:
	case <-r.Context().Done():
	}
	if f.Lost {
		panic(http.ErrAbortHandler) // net/http closes the connection and says nothing
	}
	maps.Copy(w.Header(), answer.Header())
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes()) // a caller who has gone reads no answer
}

// refusal writes the answer that refuses a call with f.Code, if there is one and
// the request is the merchant's.
func (f Fault) refusal(key wire.Key, call wire.Call, doc wire.Document) ([]byte, bool) {
	if f.Code == "" {
		return nil, false
	}
	_, alg, err := wire.Verify(call, doc, key)
	if err != nil {
		return nil, false
	}
	const text = "hongbaotest"
	var a wire.Answer
	a.Add("return_code", "SUCCESS")
	a.Add("return_msg", text)
	a.Add("result_code", "FAIL")
	a.Add("err_code", f.Code)
	a.Add("err_code_des", text)
	for _, name := range []string{"mch_billno", "mch_id", "wxappid", "re_openid", "total_amount", "total_num"} {
		a.Add(name, doc.Value(name))
	}
	if call != wire.GetHBInfo {
		a = wire.SignAnswer(a, key, alg)
	}
	return wire.AppendAnswer(nil, a), true
}

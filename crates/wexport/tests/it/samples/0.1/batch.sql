PRAGMA user_version = 1;
PRAGMA application_id = 2003138672;
BEGIN TRANSACTION;
CREATE TABLE export (
        number        INTEGER PRIMARY KEY,
        line          INTEGER NOT NULL,
        subject       TEXT NOT NULL,
        destination   TEXT NOT NULL,
        fresh         TEXT NOT NULL,
        status        TEXT NOT NULL DEFAULT 'waiting',
        checkpoint    TEXT,
        reserved_name TEXT,
        exit_code     INTEGER,
        outcome       TEXT
    ) STRICT;
INSERT INTO "export" VALUES(2,2,'{"kind":"document","id":"d1","format":"pdf","scope":"file:read"}','{"output":"night/{id}.{ext}","folder":"{WORK}","if_exists":"replace","at":1795819167744,"offset":0,"receipt":true}','{"version":1,"dialect":"workiva","spec":"{\"api\":\"2026-01-01\",\"submit\":{\"path\":\"/documents/d1/export\",\"body\":{\"format\":\"pdf\"},\"format\":\"pdf\",\"file\":\"d1.pdf\"}}","base":"{API}","submits":0,"not_before":0,"wait_ms":0}','done',NULL,'{WORK}/night/d1.pdf',0,'{"status":"done","file":"{WORK}/night/d1.pdf","receipt":{"v":1,"file":"d1.pdf","bytes":16757,"sha256":"dde1ac72f0c3091588321c667fcc9aaee156730b2d23cdae7ee69046cb932a58","media_type":"application/pdf","subject":{"kind":"document","id":"d1","format":"pdf","scope":"file:read"},"spec":{"api":"2026-01-01","submit":{"body":{"format":"pdf"},"file":"d1.pdf","format":"pdf","path":"/documents/d1/export"}},"base_url":"{API}","api_version":"2026-01-01","operation":"{API}/operations/3f9f28699f03f770f0204391790951be","original_request":"20f098eb-8654-42c3-8878-e8921b42a196","created":"2026-11-27T22:39:27.789Z","updated":"2026-11-27T22:39:27.789Z","submits":1,"date":"2026-11-27","wexport":"0.1.0","began":"2026-11-27T22:39:27.744Z","finished":"2026-11-27T22:39:27.825Z"}}');
INSERT INTO "export" VALUES(3,3,'{"kind":"spreadsheet","id":"s1","format":"xlsx","scope":"file:read"}','{"output":"night/{id}.{ext}","folder":"{WORK}","if_exists":"replace","at":1795819167744,"offset":0,"receipt":true}','{"version":1,"dialect":"workiva","spec":"{\"api\":\"2026-01-01\",\"submit\":{\"path\":\"/spreadsheets/s1/export\",\"body\":{\"format\":\"xlsx\"},\"format\":\"xlsx\",\"file\":\"s1.xlsx\"}}","base":"{API}","submits":0,"not_before":0,"wait_ms":0}','failed','{"version":1,"dialect":"workiva","spec":"{\"api\":\"2026-01-01\",\"submit\":{\"path\":\"/spreadsheets/s1/export\",\"body\":{\"format\":\"xlsx\"},\"format\":\"xlsx\",\"file\":\"s1.xlsx\"}}","base":"{API}","submits":1,"operation":"{s1}","accepted":1795819167766,"retry_after_ms":0,"not_before":1795819168866,"wait_ms":100}',NULL,75,'{"status":"failed","error":{"exit_code":75,"message":"poll: the service asked to retry at 2026-11-27T22:39:28.766Z, after the deadline of this job; the export continues at the service, last status: started","phase":"poll","original_request":"7c7c2c9d-82c9-4a48-94b7-18519679a9cf","operation":"{s1}","advice":["resume after 2026-11-27T22:39:28.766Z, or raise --timeout"],"retry":"yes: wexport jobs resume 20261127-223927-bdd5"}}');
INSERT INTO "export" VALUES(4,4,'{"kind":"presentation","id":"p1","format":"pptx","scope":"file:read"}','{"output":"night/{id}.{ext}","folder":"{WORK}","if_exists":"replace","at":1795819167744,"offset":0,"receipt":true}','{"version":1,"dialect":"workiva","spec":"{\"api\":\"2026-01-01\",\"submit\":{\"path\":\"/presentations/p1/export\",\"body\":{\"format\":\"pptx\"},\"format\":\"pptx\",\"file\":\"p1.pptx\"}}","base":"{API}","submits":0,"not_before":0,"wait_ms":0}','failed','{"version":1,"dialect":"workiva","spec":"{\"api\":\"2026-01-01\",\"submit\":{\"path\":\"/presentations/p1/export\",\"body\":{\"format\":\"pptx\"},\"format\":\"pptx\",\"file\":\"p1.pptx\"}}","base":"{API}","submits":1,"operation":"{p1}","accepted":1795819167766,"retry_after_ms":0,"not_before":1795819168865,"wait_ms":100}',NULL,75,'{"status":"failed","error":{"exit_code":75,"message":"poll: the service asked to retry at 2026-11-27T22:39:28.765Z, after the deadline of this job; the export continues at the service, last status: started","phase":"poll","original_request":"b913ba08-97fd-4809-867c-4463598a4edd","operation":"{p1}","advice":["resume after 2026-11-27T22:39:28.765Z, or raise --timeout"],"retry":"yes: wexport jobs resume 20261127-223927-bdd5"}}');
CREATE TABLE note (
        name  TEXT PRIMARY KEY,
        value TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
INSERT INTO "note" VALUES('description','{"began":1795819167747,"base_url":"{API}","api_version":"2026-01-01","source":"list.csv","options":{"keep_going":false,"list":"{WORK}/list.csv","date":"2026-11-27"},"end":{"at":1795819168794,"exit_code":8,"text":"1 of 3 done"}}');
CREATE INDEX export_status ON export (status);
COMMIT;

// Loopback only, no editor, no telemetry. The context storage and everything else is as Node-RED brings it.
module.exports = {
  uiHost: "127.0.0.1",
  uiPort: Number(process.env.PORT),
  httpAdminRoot: false,
  flowFile: "flows.json",
  telemetry: { enabled: false, updateNotification: false },
  logging: { console: { level: "error", metrics: false, audit: false } },
};

// The pages of leaders and of quality (班长与质量): where each stands in the bar, and what opens it.

import { enterFigures, figuresPage } from "./figures_page.js";
import { enterFollowup, followupPage } from "./followup_page.js";
import { enterIncidents, incidentsPage } from "./incidents_page.js";
import { enterOutbox, outboxPage } from "./outbox_page.js";

export const MORE = {
  incidents: { nav: ["incidents", "突发事件", "shield", "incidents_lead"], show: incidentsPage, enter: enterIncidents },
  followup: { nav: ["followup", "回访", "check", "tickets_work"], show: followupPage, enter: enterFollowup },
  outbox: { nav: ["outbox", "发件箱", "file", "outbox_manage"], show: outboxPage, enter: enterOutbox },
  figures: { nav: ["figures", "指标", "chart", "figures_read"], show: figuresPage, enter: enterFigures },
};

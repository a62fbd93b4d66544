// AWS X-Ray: groups and tags, with the names of the API.

import { post } from "./client";
import { allPages, type Paged } from "./xray";

export interface InsightsConfiguration {
  InsightsEnabled?: boolean;
  NotificationsEnabled?: boolean;
}

export interface Group {
  GroupName: string;
  GroupARN: string;
  FilterExpression?: string;
  InsightsConfiguration?: InsightsConfiguration;
}

export interface Tag {
  Key: string;
  Value: string;
}

export function getGroups(signal?: AbortSignal): Promise<Group[]> {
  return allPages("/Groups", {}, (page: Paged & { Groups?: Group[] }) => page.Groups, signal);
}

export interface CreateGroupInput {
  GroupName: string;
  FilterExpression?: string;
  InsightsConfiguration?: InsightsConfiguration;
  Tags?: Tag[];
}

export function createGroup(input: CreateGroupInput): Promise<unknown> {
  return post("/CreateGroup", input);
}

export type UpdateGroupInput = Omit<CreateGroupInput, "Tags">;

export function updateGroup(input: UpdateGroupInput): Promise<unknown> {
  return post("/UpdateGroup", input);
}

export function deleteGroup(input: { GroupName: string }): Promise<unknown> {
  return post("/DeleteGroup", input);
}

export function listTagsForResource(
  input: { ResourceARN: string },
  signal?: AbortSignal,
): Promise<Tag[]> {
  return allPages(
    "/ListTagsForResource",
    input,
    (page: Paged & { Tags?: Tag[] }) => page.Tags,
    signal,
  );
}

export function tagResource(input: { ResourceARN: string; Tags: Tag[] }): Promise<unknown> {
  return post("/TagResource", input);
}

export function untagResource(input: {
  ResourceARN: string;
  TagKeys: string[];
}): Promise<unknown> {
  return post("/UntagResource", input);
}

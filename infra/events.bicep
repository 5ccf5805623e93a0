// Storage events that start chains: deployed after the code, since a subscription is refused while its function does
// not exist. Deploy it to the resource group of the storage account whose blobs are awaited:
//   az deployment group create -g rg-data -f infra/events.bicep -p storageName=stlanding functionAppId=ID
targetScope = 'resourceGroup'

@description('The storage account whose blobs are awaited, in this resource group.')
param storageName string

@description('Where that account is: a system topic must be in the same place.')
param location string = resourceGroup().location

@description('The id of Baton\'s function app (the output AZURE_FUNCTION_APP_ID).')
param functionAppId string

@description('The name of the account\'s system topic. An account has one at most: name the one that is there, if any.')
param systemTopicName string = 'egst-${storageName}'

@description('The name of the event subscription.')
param subscriptionName string = 'evgs-baton'

@description('Only blobs whose subject begins so, like /blobServices/default/containers/landing/.')
param subjectBeginsWith string = ''

@description('Only blobs whose subject ends so, like .csv')
param subjectEndsWith string = ''

@description('How many minutes Event Grid tries to deliver an event.')
@minValue(1)
@maxValue(1440)
param timeToLiveMinutes int = 1440

resource storage 'Microsoft.Storage/storageAccounts@2023-05-01' existing = {
  name: storageName
}

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' = {
  name: systemTopicName
  location: location
  properties: {
    source: storage.id
    topicType: 'Microsoft.Storage.StorageAccounts'
  }
}

resource subscription 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = {
  parent: topic
  name: subscriptionName
  properties: {
    destination: {
      endpointType: 'AzureFunction'
      properties: {
        resourceId: '${functionAppId}/functions/on_event'
        maxEventsPerBatch: 1
        preferredBatchSizeInKilobytes: 64
      }
    }
    eventDeliverySchema: 'CloudEventSchemaV1_0'
    filter: {
      includedEventTypes: ['Microsoft.Storage.BlobCreated']
      subjectBeginsWith: subjectBeginsWith
      subjectEndsWith: subjectEndsWith
      enableAdvancedFilteringOnArrays: true
    }
    retryPolicy: {
      maxDeliveryAttempts: 30
      eventTimeToLiveInMinutes: timeToLiveMinutes
    }
  }
}

@description('The subscription that delivers to Baton.')
output eventSubscriptionId string = subscription.id
